import { SingleBar } from "cli-progress";
import type { ExtractEvent } from "../features/extract.js";
import type { ExtractSummary } from "../features/run.js";

interface Progress {
  clips: number;
  videos: number;
  failures: number;
  total: number;
}

const PLAIN_SECONDS = 10;

/** Progress on stderr (a bar on a terminal, a line every ten seconds elsewhere), data on stdout with `--json`. */
export class ProgressReporter {
  #bar: SingleBar | undefined;
  #started = Date.now();
  #lastLine = Date.now();

  constructor(readonly options: { json?: boolean; quiet?: boolean }) {}

  update(progress: Progress): void {
    if (this.options.quiet) return;
    const seconds = (Date.now() - this.#started) / 1000;
    const rate = (progress.clips / seconds).toFixed(1);
    const done = progress.videos + progress.failures;
    if (process.stderr.isTTY) {
      if (!this.#bar) {
        const format =
          "{bar} {value}/{total} videos, {clips} clips, {rate} clips/s, {failures} failed, ETA {eta_formatted}";
        this.#bar = new SingleBar({ format, stream: process.stderr, hideCursor: true });
        this.#bar.start(progress.total, 0, { clips: 0, rate: "0", failures: 0 });
      }
      this.#bar.update(done, { clips: progress.clips, rate, failures: progress.failures });
    } else if (Date.now() - this.#lastLine > PLAIN_SECONDS * 1000) {
      this.#lastLine = Date.now();
      process.stderr.write(
        `${done}/${progress.total} videos, ${progress.clips} clips, ${rate} clips/s, ${progress.failures} failed\n`,
      );
    }
  }

  event(event: ExtractEvent): void {
    if (event.type === "failure" && !this.options.quiet) {
      process.stderr.write(`failed: ${event.error.message} [${event.error.code}]\n`);
    }
    if (!this.options.json || event.type === "clip") return;
    const { type, path } = event;
    const failure = event.type === "failure" ? { code: event.error.code, reason: event.error.message } : {};
    process.stdout.write(`${JSON.stringify({ event: type, path, ...failure })}\n`);
  }

  stop(): void {
    this.#bar?.stop();
  }

  finish(summary: ExtractSummary): void {
    this.stop();
    if (this.options.json) process.stdout.write(`${JSON.stringify({ event: "summary", ...summary })}\n`);
    if (this.options.quiet) return;
    const { videos, clips, failures, skipped, seconds } = summary;
    const rate = seconds > 0 ? (clips / seconds).toFixed(1) : "0";
    process.stderr.write(
      `${videos} videos, ${clips} clips in ${seconds.toFixed(1)} s (${rate} clips/s), ${failures} failed, ${skipped} done before\n`,
    );
  }
}
