import { Command } from "commander";
import { evaluateQVHighlights } from "../eval/qvhighlights.js";
import { readMomentPredictions, readMomentTruth } from "../eval/qvhighlights_files.js";

interface Flags {
  truth: string;
  predictions: string;
  json?: boolean;
}

/** Numbers under their names, one a line, nested ones below a heading: what the commands print without `--json`. */
export function table(metrics: object, indent = ""): string {
  return Object.entries(metrics)
    .map(([name, value]) =>
      typeof value === "object" && value !== null
        ? `${indent}${name}\n${table(value as object, `${indent}  `)}`
        : `${indent}${name.padEnd(28 - indent.length)} ${String(value)}`,
    )
    .join("\n");
}

function print(metrics: object, json: boolean | undefined): void {
  process.stdout.write(`${json ? JSON.stringify(metrics) : table(metrics)}\n`);
}

/** A benchmark whose ground truth and submissions are files. */
function scored(name: string, description: string, example: string, score: (flags: Flags) => Promise<object>): Command {
  return new Command(name)
    .description(description)
    .requiredOption("--truth <file>", "ground truth, as published")
    .requiredOption("--predictions <file>", "a submission in the benchmark's format")
    .option("--json", "one JSON object on stdout")
    .addHelpText("after", `\nExample:\n  videoclip eval ${name} ${example}`)
    .action(async (flags: Flags) => print(await score(flags), flags.json));
}

/** `videoclip eval TASK`: scores predictions, of this package or of others. */
export function evalCommand(): Command {
  const command = new Command("eval").description("Score predictions on a benchmark");
  command.addCommand(
    scored(
      "qvhighlights",
      "Moment retrieval and highlights of QVHighlights: R1, mAP, HIT@1 in percent",
      "--truth highlight_val_release.jsonl --predictions submission.jsonl --json",
      async ({ truth, predictions }) =>
        evaluateQVHighlights(await readMomentTruth(truth), await readMomentPredictions(predictions)),
    ),
  );
  return command;
}
