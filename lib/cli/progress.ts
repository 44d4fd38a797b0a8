import { SingleBar } from "cli-progress";
import type { ExtractEvent, ExtractProgress } from "../features/extract.js";
import type { ExtractSummary } from "../features/run.js";
import { failureReporter, printable } from "./options.js";

/** The estimated time left as `1 h 2 min`, `3 min 4 s` or `5 s`; `?` until something is done. */
export function timeLeft(done: number, total: number, seconds: number): string {
  return done === 0 ? "?" : duration((seconds / done) * (total - done));
}

/** A number of seconds as `1 h 2 min`, `3 min 4 s` or `5 s`. */
export function duration(seconds: number): string {
  const left = Math.round(seconds);
  if (left >= 3600) return `${Math.floor(left / 3600)} h ${Math.floor((left % 3600) / 60)} min`;
  return left >= 60 ? `${Math.floor(left / 60)} min ${left % 60} s` : `${left} s`;
}

const PLAIN_SECONDS = 10;

/** Progress on stderr (a bar on a terminal, a line every ten seconds elsewhere), data on stdout with `--json`. */
export class ProgressReporter {
  #bar: SingleBar | undefined;
  #started = Date.now();
  #lastLine = Date.now();

  constructor(readonly options: { json?: boolean | undefined; quiet?: boolean | undefined }) {}

  update(progress: ExtractProgress): void {
    if (this.options.quiet) return;
    const seconds = (Date.now() - this.#started) / 1000;
    const rate = (progress.clips / seconds).toFixed(1);
    const done = progress.videos + progress.failures;
    const left = timeLeft(done, progress.total, seconds);
    if (process.stderr.isTTY) {
      if (!this.#bar) {
        const format = "{bar} {value}/{total} videos, {clips} clips, {rate} clips/s, {failures} failed, ETA {left}";
        this.#bar = new SingleBar({ format, stream: process.stderr, hideCursor: true });
        this.#bar.start(progress.total, 0, { clips: 0, rate: "0", failures: 0, left });
      }
      this.#bar.update(done, { clips: progress.clips, rate, failures: progress.failures, left });
    } else if (Date.now() - this.#lastLine > PLAIN_SECONDS * 1000) {
      this.#lastLine = Date.now();
      process.stderr.write(
        `${done}/${progress.total} videos, ${progress.clips} clips, ${rate} clips/s, ${progress.failures} failed, ETA ${left}\n`,
      );
    }
  }

  event(event: ExtractEvent): void {
    if (event.type === "failure") failureReporter(this.options.quiet)(event);
    if (!this.options.json || event.type === "clip") return;
    const { type, path } = event;
    const failure = event.type === "failure" ? { code: event.error.code, reason: event.error.message } : {};
    process.stdout.write(`${JSON.stringify({ event: type, path, ...failure })}\n`);
  }

  /** Prints a note that is not a failure. */
  note(text: string): void {
    if (!this.options.quiet) process.stderr.write(`${printable(text)}\n`);
  }

  stop(): void {
    this.#bar?.stop();
  }

  finish(summary: Pick<ExtractSummary, "videos" | "clips" | "failures" | "broken" | "skipped" | "seconds">): void {
    this.stop();
    if (this.options.json) process.stdout.write(`${JSON.stringify({ event: "summary", ...summary })}\n`);
    if (this.options.quiet) return;
    const { videos, clips, failures, broken, skipped, seconds } = summary;
    const damaged = broken > 0 ? `, ${broken} with broken parts left out` : "";
    const rate = seconds > 0 ? (clips / seconds).toFixed(1) : "0";
    process.stderr.write(
      `${videos} videos, ${clips} clips in ${seconds.toFixed(1)} s (${rate} clips/s), ${failures} failed, ${skipped} done before${damaged}\n`,
    );
  }
}
