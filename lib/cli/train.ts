import { resolve } from "node:path";
import { Command } from "commander";
import { describeRecipe, type RunRecipeOptions, runRecipe, type StepEvent } from "../train/index.js";
import { onInterrupt } from "./interrupt.js";
import { plainProgress } from "./options.js";

interface Flags {
  config: string;
  set: string[];
  dryRun?: boolean;
  resume?: boolean;
  json?: boolean;
  quiet?: boolean;
}

const LINE_SECONDS = 10;

/** `videoclip train`: runs a training that a file describes. */
export function trainCommand(): Command {
  return new Command("train")
    .description("Train a model as a JSON file says; checkpoints and metrics.jsonl go to the run's folder")
    .requiredOption("--config <file>", "the run: task, model, data, optimizer, schedule, steps, batch, out")
    .option(
      "--set <key=value>",
      "change a key, with dots for those below others (schedule.learningRate=1e-4); may be repeated",
      (change: string, list: string[]) => [...list, change],
      [],
    )
    .option("--dry-run", "check the file, the model and the data, say what would be trained, and stop")
    .option("--resume", "go on from the last checkpoint")
    .option("--json", "a line of JSON for every step on stdout")
    .option("--quiet", "no progress")
    .addHelpText(
      "after",
      "\nExample:\n  videoclip train --config run.json --set steps=2000\n" +
        "\nExit code: 0 trained, 1 failed, 2 wrong usage or configuration, 130 interrupted (a checkpoint is written).",
    )
    .action(runTrain);
}

async function runTrain(flags: Flags): Promise<void> {
  const file = resolve(flags.config);
  const { set } = flags;
  if (flags.dryRun) {
    process.stdout.write(`${JSON.stringify(await describeRecipe(file, { set }), null, 2)}\n`);
    return;
  }
  const embedding = plainProgress(
    flags.quiet,
    ({ epoch, done, total }) => `epoch ${epoch}: ${done} of ${total} embedded`,
  );
  await onInterrupt(
    (signal) =>
      trainAndReport(file, flags, {
        set,
        resume: flags.resume,
        signal,
        onProgress: ({ stage, ...progress }) => {
          if (stage === "embed") embedding(progress);
        },
      }),
    (error, signal) => {
      if (error !== signal.reason) throw error; // another error, such as a checkpoint that could not be written
      if (!flags.quiet) process.stderr.write("interrupted: a checkpoint is written; --resume goes on\n");
    },
  );
}

async function trainAndReport(file: string, flags: Flags, options: RunRecipeOptions): Promise<void> {
  const report = new Report(flags);
  for await (const event of runRecipe(file, {
    ...options,
    onStart: (plan, { model }) => report.start(plan.steps, model),
  })) {
    // prettier-ignore
    report.step(event);
  }
  report.finish();
}

/**
 * Prints a line every ten seconds, and for every evaluation and skipped step, on stderr; with --json all steps on
 * stdout.
 */
class Report {
  #last = 0;
  #steps = 0;
  #model = "";

  constructor(readonly flags: Flags) {}

  /** @param steps of the whole run @param model folder for the model */
  start(steps: number, model: string): void {
    this.#steps = steps;
    this.#model = model;
  }

  finish(): void {
    if (!this.flags.quiet) process.stderr.write(`model: ${this.#model}\n`);
  }

  step(event: StepEvent): void {
    if (this.flags.json) process.stdout.write(`${JSON.stringify(event)}\n`);
    if (this.flags.quiet) return;
    const due = Date.now() - this.#last > LINE_SECONDS * 1000 || event.step === this.#steps;
    if (!due && !event.skipped && !event.evaluation) return;
    this.#last = Date.now();
    const { step, loss, learningRate, gradientNorm, samplesPerSecond, evaluation = {} } = event;
    const more = Object.entries(evaluation).map(([name, value]) => `, ${name} ${format(value)}`);
    process.stderr.write(
      `${step}/${this.#steps}: loss ${format(loss)}, learning rate ${format(learningRate)}, gradient norm ${format(gradientNorm)}, ` +
        `${samplesPerSecond.toFixed(1)} samples/s${more.join("")}${event.skipped ? ", skipped: not finite" : ""}\n`,
    );
  }
}

const format = (value: number): string => String(Number(value.toPrecision(4)));
