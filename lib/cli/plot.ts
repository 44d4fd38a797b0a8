import { Command } from "commander";
import { plotRun } from "../train/index.js";

/** `videoclip plot`: the curves of a run. */
export function plotCommand(): Command {
  return new Command("plot")
    .description("Draw the curves of a training run: curves.svg, and curves.png with @resvg/resvg-wasm installed")
    .argument("<run>", "folder of a run, with metrics.jsonl")
    .option("--out <path>", "where to write, without the ending; default: curves in the run's folder")
    .action(async (run: string, { out }: { out?: string | undefined }) => {
      await plotRun(run, { out, onFile: (path) => process.stdout.write(`${path}\n`) });
    });
}
