import { Command, Option } from "commander";
import { embedToFolder } from "../features/embed_to_folder.js";
import { interruptible } from "./interrupt.js";
import { collect, failureReporter, number, positive, readTexts } from "./options.js";
import { reportUnknown } from "./unknown.js";

interface Flags {
  model: string;
  tokenizer?: string;
  out: string;
  text?: string[];
  texts?: string;
  window?: number;
  hop?: number;
  seconds?: number;
  saveDtype: "f16" | "f32";
  threads?: number;
  json?: boolean;
  quiet?: boolean;
}

/** `videoclip embed`: embeddings of texts and of features, as arrays for other programs. */
export function embedCommand(): Command {
  return new Command("embed")
    .description(
      "Embed texts and features with VideoCLIP: text.npy and video.npy [rows, dim], what each row is in .jsonl",
    )
    .argument("[features...]", "folders that videoclip extract wrote, or folders of .npy files [clips, dim]")
    .requiredOption("--model <path>", "VideoCLIP model: a folder or checkpoint")
    .requiredOption("--out <dir>", "folder for the embeddings; files that are there are replaced")
    .option("--tokenizer <path>", "tokenizer.json or vocab.txt of the model, where its folder has none")
    .option("--text <text>", "a text; may be repeated", collect)
    .option("--texts <file>", "texts, one a line")
    .option("--window <n>", "features that one row is made from; default: 16 or what the model takes", positive)
    .option("--hop <n>", "features between the starts of windows; default: half a window", positive)
    .option("--seconds <s>", "seconds between features, for folders without a manifest", number)
    .addOption(new Option("--save-dtype <t>", "type of the saved embeddings").choices(["f16", "f32"]).default("f32"))
    .option("--threads <n>", "compute threads; default: the cores of this machine", positive)
    .option("--json", "the summary as one JSON object on stdout")
    .option("--quiet", "no summary on stderr")
    .addHelpText(
      "after",
      '\nExample:\n  videoclip embed features/ --model videoclip/ --text "stir the soup" --out embeddings/',
    )
    .action((folders: string[], flags: Flags) =>
      interruptible("nothing was saved", (signal) => run(folders, flags, signal)),
    );
}

async function run(features: string[], flags: Flags, signal: AbortSignal): Promise<void> {
  const { model, tokenizer, threads, out, saveDtype, window, hop, seconds } = flags;
  const texts = [...(flags.text ?? []), ...(flags.texts ? readTexts("texts", flags.texts) : [])];
  const opening = { model, tokenizer, threads, device: "cpu" as const, signal };
  const onFailure = failureReporter(flags.quiet);
  const counts = await embedToFolder({ ...opening, texts, features, out, saveDtype, window, hop, seconds, onFailure });
  if (counts.failures) process.exitCode = 1;
  if (flags.json) process.stdout.write(`${JSON.stringify(counts)}\n`);
  if (counts.unknown) reportUnknown(counts.unknown);
  if (!flags.quiet) process.stderr.write(`${counts.texts} texts, ${counts.rows} rows of videos in ${out}\n`);
}
