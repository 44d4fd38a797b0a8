import { resolve } from "node:path";
import { Command } from "commander";
import { describeRecipe, runRecipe, type RunRecipeOptions } from "../train/index.js";
import { onInterrupt } from "./interrupt.js";
import { TrainingReport } from "./training_report.js";

interface Flags {
  config: string;
  set: string[];
  dryRun?: boolean;
  resume?: boolean;
  json?: boolean;
  quiet?: boolean;
}

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
  const { set, resume } = flags;
  if (flags.dryRun) {
    process.stdout.write(`${JSON.stringify(await describeRecipe(file, { set, resume }), null, 2)}\n`);
    return;
  }
  const report = new TrainingReport(flags);
  await onInterrupt(
    (signal) => trainAndReport(file, report, { set, resume, signal }),
    (error, signal) => {
      if (error !== signal.reason) throw error; // another error, such as a checkpoint that could not be written
      const written = report.begun ? "a checkpoint is written; --resume goes on" : "no step was done";
      if (!flags.quiet) process.stderr.write(`interrupted: ${written}\n`);
    },
  );
}

async function trainAndReport(file: string, report: TrainingReport, options: RunRecipeOptions): Promise<void> {
  const listeners: RunRecipeOptions = {
    onStart: (plan, files) => report.start(plan, files),
    onProgress: (progress) => report.prepare(progress),
  };
  try {
    for await (const event of runRecipe(file, { ...options, ...listeners })) report.step(event);
    report.finish();
  } finally {
    report.stop();
  }
}
