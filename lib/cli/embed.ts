import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Command, Option } from "commander";
import { InvalidArgumentError } from "../errors.js";
import { embedFolder } from "../features/embed_folder.js";
import { readFeatureFolders } from "../features/extracted_features.js";
import { writeDurably } from "../files.js";
import { VideoClip } from "../models/videoclip.js";
import { npyData, npyHeader } from "../weights/npy.js";
import { collect, readTexts } from "./classify.js";
import { interruptible } from "./interrupt.js";
import { number, positive } from "./options.js";

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

async function run(folders: string[], flags: Flags, signal: AbortSignal): Promise<void> {
  const { model: path, tokenizer, threads, out, saveDtype } = flags;
  const texts = [...(flags.text ?? []), ...(flags.texts ? readTexts("texts", flags.texts) : [])];
  if (texts.length === 0 && folders.length === 0) {
    throw new InvalidArgumentError("features: expected feature folders, --text or --texts, received nothing", {
      argument: "features",
    });
  }
  const features = folders.length > 0 ? readFeatureFolders(folders) : undefined;
  const model = await VideoClip.load(path, { device: "cpu", threads, signal, ...(tokenizer ? { tokenizer } : {}) });
  try {
    mkdirSync(out, { recursive: true });
    const counts = { texts: texts.length, rows: 0 };
    const file = (name: string) => new EmbeddingFile(out, name, model.config.hiddenSize, saveDtype);
    if (texts.length > 0) {
      const { rows, truncated } = await model.embedText(texts, { signal });
      const cut = new Set(truncated);
      const target = file("text");
      target.add(rows, texts.map((text, i) => ({ text, ...(cut.has(i) ? { truncated: true } : {}) }))); // prettier-ignore
      target.finish();
    }
    if (features) {
      const target = file("video");
      for await (const { video, rows, spans } of embedFolder(features, { ...flags, model, signal })) {
        target.add(rows, spans.map(([start, end]) => ({ video, start, end }))); // prettier-ignore
        counts.rows += spans.length;
      }
      target.finish();
    }
    if (flags.json) process.stdout.write(`${JSON.stringify(counts)}\n`);
    if (!flags.quiet) process.stderr.write(`${counts.texts} texts, ${counts.rows} rows of videos in ${out}\n`);
  } finally {
    model.dispose();
  }
}

/** `NAME.npy` with a line of `NAME.jsonl` per row, under their names when both are whole. */
class EmbeddingFile {
  #rows = 0;
  #parts: Uint8Array[] = [];
  #lines: string[] = [];

  constructor(
    readonly out: string,
    readonly name: string,
    readonly dim: number,
    readonly dtype: "f16" | "f32",
  ) {}

  add(rows: Float32Array, about: object[]): void {
    this.#parts.push(npyData(rows.slice(), this.dtype));
    for (const each of about) this.#lines.push(`${JSON.stringify({ row: this.#rows++, ...each })}\n`);
  }

  finish(): void {
    const path = join(this.out, this.name);
    writeDurably(`${path}.npy`, [npyHeader([this.#rows, this.dim], this.dtype), ...this.#parts]);
    writeDurably(`${path}.jsonl`, this.#lines);
  }
}
