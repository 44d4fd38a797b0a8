import { Command, Option } from "commander";
import { InvalidArgumentError } from "../base/errors.js";
import { indexFeatures } from "../features/index_features.js";
import { openTextEncoder, type IndexTextEncoder, videoClipTextEncoder } from "../features/index_text_encoder.js";
import { VideoClip } from "../models/videoclip/videoclip.js";
import { interruptible } from "./interrupt.js";
import { failureReporter, number, plainProgress, positive } from "./options.js";

interface Flags {
  out: string;
  model?: string;
  tokenizer?: string;
  words?: string;
  randomWeights?: number;
  dtype?: "f16" | "f32";
  window?: number;
  hop?: number;
  seconds?: number;
  replace?: boolean;
  anyWeights?: boolean;
  threads?: number;
  json?: boolean;
  quiet?: boolean;
}

/** `videoclip index`: makes an index of folders of features for search by text. */
export function indexCommand(): Command {
  return new Command("index")
    .description("Index features for search; videos that are in the index already are left alone")
    .argument(
      "<features...>",
      "folders that videoclip extract wrote, or folders of .npy files [clips, dim]; .parquet and .tar (WebDataset) files with features, or folders of them",
    )
    .requiredOption("--out <dir>", "folder of the index; made, or extended with the same settings")
    .option(
      "--model <path>",
      "VideoCLIP model that embeds the features: a folder or checkpoint (with --words: S3D-G's)",
    )
    .option("--tokenizer <path>", "tokenizer.json or vocab.txt of the model, where its folder has none")
    .option("--words <file>", "s3d_dict.npy: index S3D-G's video_embedding as it is, with its text tower")
    .option("--random-weights <seed>", "generated weights of S3D-G's text tower, for trying things out", number)
    .addOption(new Option("--dtype <t>", "type of the stored rows; default: f16").choices(["f16", "f32"]))
    .option("--window <n>", "features that one row is made from; default: 16 or what the model takes", positive)
    .option("--hop <n>", "features between the starts of windows; default: half a window", positive)
    .option("--seconds <s>", "seconds between features, where their times are not known", number)
    .option(
      "--replace",
      "embed videos again that are there already. An index of another model or with other settings is replaced as a whole: it stays until the new one is complete, and all its videos need features that can be used",
    )
    .option(
      "--any-weights",
      "take features of another video encoder, or of other weights, than the one in the model's folder",
    )
    .option("--threads <n>", "compute threads; default: the cores of this machine", positive)
    .option("--json", "the summary as one JSON object on stdout")
    .option("--quiet", "no progress")
    .addHelpText(
      "after",
      "\nExamples:\n  videoclip index features/ --out index/ --model videoclip/\n" +
        "  videoclip index features/ --out index/ --model s3d_howto100m.pth --words s3d_dict.npy",
    )
    .action((folders: string[], flags: Flags) =>
      interruptible(
        "videos that were indexed are saved, but an index of another model stays as it was; run it again to go on",
        (signal) => run(folders, flags, signal),
      ),
    );
}

async function run(folders: string[], flags: Flags, signal: AbortSignal): Promise<void> {
  const { model: path, words, tokenizer, randomWeights, threads } = flags;
  if (randomWeights !== undefined && (path || !words)) {
    throw new InvalidArgumentError("--random-weights goes with --words and without --model", {
      argument: "randomWeights",
    });
  }
  let model: VideoClip | undefined;
  let text: IndexTextEncoder | undefined;
  try {
    if (words) text = await openTextEncoder({ kind: "s3dg", path, words, randomWeights }, { threads, signal });
    else if (path) {
      model = await VideoClip.load(path, { device: "cpu", threads, signal, ...(tokenizer ? { tokenizer } : {}) });
      text = videoClipTextEncoder(model, path, tokenizer);
    }
    const progress = plainProgress(flags.quiet, ({ videos, total, rows }) => `${videos}/${total} videos, ${rows} rows`);
    const onFailure = failureReporter(flags.quiet);
    const onNote = (note: string) => void process.stderr.write(`${note}\n`);
    const telling = { onProgress: progress, onFailure, onNote };
    const modelPath = model && path;
    const summary = await indexFeatures(folders, { ...flags, model, modelPath, text, signal, ...telling });
    if (summary.failures) process.exitCode = 1;
    if (flags.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
    if (flags.quiet) return;
    const { videos, skipped, rows, failures, seconds } = summary;
    if (failures) process.stderr.write(`${failures} videos were left out: see ${flags.out}/failures.jsonl\n`);
    process.stderr.write(
      `${videos} videos indexed in ${seconds.toFixed(1)} s, ${skipped} were there; ${rows} rows in ${flags.out}\n`,
    );
    if (!text) process.stderr.write("No model was given: the index is searched by vectors only, not by text\n");
  } finally {
    text?.dispose();
    model?.dispose();
  }
}
