import { Command } from "commander";
import { mergeFeatures } from "../features/merge_features.js";
import { interruptible } from "./interrupt.js";
import { printable } from "./options.js";

interface Flags {
  out?: string;
  json?: boolean;
  quiet?: boolean;
}

/** `videoclip features merge`: one manifest from those of all shards and workers. */
export const featuresMerge = (): Command =>
  new Command("merge")
    .description("Merge the manifests of all shards and workers of a features folder into one, sorted by path")
    .argument("<dir>", "folder that videoclip extract wrote")
    .option(
      "--out <dir>",
      "another folder for the result, with the feature files as hard links, or copies on another disk",
    )
    .option("--json", "the summary as JSON on stdout")
    .option("--quiet", "no notes and no summary")
    .addHelpText("after", "\nA folder with a running extraction is refused. After an interruption, run it again.")
    .action(async (folder: string, { out, json, quiet }: Flags) => {
      await interruptible("nothing is lost, run it again", async (signal) => {
        const onNote = (note: string) => void (quiet || process.stderr.write(`${printable(note)}\n`));
        const summary = await mergeFeatures(folder, { out, signal, onNote });
        if (json) process.stdout.write(`${JSON.stringify(summary)}\n`);
        if (quiet) return;
        const { parts, videos, failures, broken } = summary;
        const left = broken > 0 ? `; ${broken} lines that are no records were left out` : "";
        process.stderr.write(`${summary.folder}: ${parts} parts, ${videos} videos, ${failures} failures${left}\n`);
      });
    });
