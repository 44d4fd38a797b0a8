import { SingleBar } from "cli-progress";
import type { PackedPairsProgress, RecipeFiles, RecipePlan, StepEvent } from "../train/index.js";
import { checkpointPath } from "../train/checkpoint.js";
import { duration, timeLeft } from "./progress.js";
import { bestOf, hundredths, resumedLine, short, type StepFacts, stepLine } from "./training_lines.js";

/** Milliseconds between two lines without a terminal, in the first ten minutes and later. */
const [PAUSE, LATER_PAUSE, LATER] = [10_000, 60_000, 600_000];
/** Milliseconds over which a bar on a terminal takes the mean of the loss. */
const WINDOW = 10_000;

/** Columns that the text beside a bar takes about. */
const TEXT_COLUMNS = 96;

/**
 * Progress of a training on stderr: a bar on a terminal, lines elsewhere; a line for every evaluation and skipped step; with
 * `json` every step on stdout.
 */
export class TrainingReport {
  #plan: RecipePlan | undefined;
  #files: RecipeFiles | undefined;
  #started = Date.now();
  #last = 0;
  #prepared = Date.now();
  #bar: SingleBar | undefined;
  #best: RecipePlan["best"];
  #stopped = false;
  #step = 0;
  /** Sums since the last line: of steps, of finite losses, and of the seconds of steps. */
  #since = { losses: 0, finite: 0, steps: 0, seconds: 0 };

  constructor(readonly options: { json?: boolean | undefined; quiet?: boolean | undefined }) {}

  start(plan: RecipePlan, files: RecipeFiles): void {
    this.#plan = plan;
    this.#files = files;
    this.#best = plan.best;
    this.#step = plan.start;
    this.#started = Date.now();
    if (process.stderr.isTTY) this.#last = this.#started; // elsewhere the first step has a line
    for (const warning of plan.warnings) this.#print(`warning: ${warning}`);
    if (plan.start > 0) this.#print(resumedLine(plan));
  }

  /** Work before the first batch of an epoch. */
  prepare({ stage, epoch, done, total }: PackedPairsProgress): void {
    if (stage !== "embed" || Date.now() - this.#prepared < PAUSE) return;
    this.#prepared = Date.now();
    this.#print(`epoch ${epoch}: ${done} of ${total} embedded`);
  }

  step(event: StepEvent): void {
    if (this.options.json) process.stdout.write(`${JSON.stringify(event)}\n`);
    const { step, loss, samplesPerSecond, evaluation, best, skipped, stopped } = event;
    this.#step = step;
    this.#best = best ?? this.#best;
    this.#stopped = stopped ?? false;
    if (this.options.quiet) return;
    const { steps, examplesPerUpdate } = this.#plan!;
    this.#since.steps++;
    this.#since.seconds += examplesPerUpdate / samplesPerSecond;
    if (Number.isFinite(loss)) {
      this.#since.losses += loss;
      this.#since.finite++;
    }
    const facts = this.#facts(event);
    const terminal = process.stderr.isTTY;
    const waited = Date.now() - this.#last;
    const pause = terminal ? WINDOW : Date.now() - this.#started < LATER ? PAUSE : LATER_PAUSE;
    const lasting = step === steps || skipped || stopped || evaluation !== undefined;
    if (lasting || (!terminal && waited > pause)) this.#print(stepLine(event, steps, facts));
    if (terminal) this.#draw(step, facts);
    if (!lasting && waited <= pause) return;
    this.#last = Date.now();
    this.#since = { losses: 0, finite: 0, steps: 0, seconds: 0 };
  }

  /** Whether steps were done, so that there is a checkpoint. */
  get begun(): boolean {
    return this.#step > 0;
  }

  /** Removes the bar. */
  stop(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }

  finish(): void {
    this.stop();
    if (!this.#files || !this.#plan) return;
    const { model, checkpoints } = this.#files;
    const { metric, step } = this.#best ?? {};
    if (this.#stopped) {
      this.#print(
        `stopped at step ${this.#step} of ${this.#plan.steps}: ${metric} did not get better after step ${step}`,
      );
    }
    const last = step === this.#step ? "" : `; the last step is ${checkpointPath(checkpoints, this.#step)}`;
    const which = this.#best ? ` (step ${step}, ${bestOf(this.#best)}${last})` : "";
    this.#print(`model: ${model}${which}`);
  }

  #facts({ step, learningRate }: StepEvent): StepFacts {
    const { steps, epochs, start, examples, examplesPerUpdate } = this.#plan!;
    const { losses, finite, steps: count, seconds } = this.#since;
    const elapsed = (Date.now() - this.#started) / 1000;
    return {
      epoch: `${hundredths((step * examplesPerUpdate) / examples)}/${hundredths(epochs)}`,
      elapsed: duration(elapsed),
      left: timeLeft(step - start, steps - start, elapsed),
      loss: finite > 0 ? short(losses / finite) : "not finite",
      rate: short(learningRate),
      speed: ((count * examplesPerUpdate) / seconds).toFixed(1),
    };
  }

  #draw(step: number, facts: StepFacts): void {
    if (!this.#bar) {
      const format =
        "{bar} {value}/{total} steps, epoch {epoch}, {elapsed}, ETA {left}, loss {loss}, rate {rate}, {speed} samples/s";
      const room = (process.stderr.columns || 80) - TEXT_COLUMNS;
      this.#bar = new SingleBar({
        format,
        stream: process.stderr,
        hideCursor: true,
        barsize: Math.max(4, Math.min(30, room)),
      });
      this.#bar.start(this.#plan!.steps, step, facts);
    }
    this.#bar.update(step, facts);
  }

  /** Prints a line, above the bar if there is one. */
  #print(text: string): void {
    if (this.options.quiet) return;
    process.stderr.write(this.#bar ? `\r\x1b[2K${text}\n` : `${text}\n`);
  }
}
