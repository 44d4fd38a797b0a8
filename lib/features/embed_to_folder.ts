import { join } from "node:path";
import { InvalidArgumentError } from "../base/errors.js";
import { makeFolder, writeDurablyAsync } from "../base/files.js";
import { borrowModel, type BorrowedModelOptions } from "../models/videoclip/borrow_model.js";
import type { VideoClip } from "../models/videoclip/videoclip.js";
import { UnknownWords, type UnknownWordsReport } from "../text/unknown_words.js";
import { npyData, npyHeader } from "../weights/npy.js";
import { embedFolder, type WindowOptions } from "./embed_folder.js";
import { type ExtractedFeatures, readFeatureFolders } from "./extracted_features.js";
import { brokenFailures, type FeatureFailure, FeatureFailures, MAX_F16 } from "./feature_failures.js";

export interface EmbedToFolderOptions extends BorrowedModelOptions, WindowOptions {
  /** Folder for the embeddings; existing files are replaced. */
  out: string;
  texts?: readonly string[] | undefined;
  /** Folders of features: written by `extractToFolder`, or folders of .npy files `[clips, dim]`. */
  features?: readonly string[] | undefined;
  /** Seconds between features, for folders without a manifest. */
  seconds?: number | undefined;
  /** Type of the saved embeddings. Default `f32`. */
  saveDtype?: "f16" | "f32" | undefined;
  /** Called for each video that is left out because its features cannot be used. */
  onFailure?: ((failure: FeatureFailure) => void) | undefined;
}

/** Numbers of texts and videos that were embedded. */
export interface EmbedToFolderResult {
  texts: number;
  /** Number of rows of videos. */
  rows: number;
  /** Number of videos that were left out, if any. */
  failures?: number;
  /** Words of the texts that the model does not know, if any. */
  unknown?: UnknownWordsReport;
}

/**
 * Embeds texts and windows of features as arrays for other programs, like `videoclip embed`: `text.npy` and `video.npy`
 * `[rows, dim]`, with a line for each row in `text.jsonl` and `video.jsonl`. Videos whose features are broken, or do
 * not fit the model, are left out and listed in `failures.jsonl`.
 * @returns the numbers of each; `failures` only if there are any
 * @throws InvalidArgumentError without texts and features; DatasetError; WeightsError; VideoClipError `ERR_WRITE`
 */
export async function embedToFolder(options: EmbedToFolderOptions): Promise<EmbedToFolderResult> {
  const { texts = [], features: folders = [] } = options;
  if (texts.length === 0 && folders.length === 0) {
    throw new InvalidArgumentError("features: expected feature folders, --text or --texts, received nothing", {
      argument: "features",
    });
  }
  const failures = new FeatureFailures(options.onFailure);
  const features = folders.length > 0 ? readFeatureFolders(folders) : undefined;
  const { model, release } = await borrowModel(options);
  try {
    makeFolder(options.out);
    const unknown = new UnknownWords();
    if (texts.length > 0) unknown.add(await embedTexts(model, texts, options));
    const rows = features ? await embedFeatures(model, features, failures, options) : 0;
    const counts = { texts: texts.length, rows, ...failures.count() };
    return unknown.count > 0 ? { ...counts, unknown: unknown.report() } : counts;
  } finally {
    release();
  }
}

/** @returns the unknown words */
async function embedTexts(
  model: VideoClip,
  texts: readonly string[],
  options: EmbedToFolderOptions,
): Promise<string[]> {
  const { data: rows, truncated, unknown } = await model.encodeText(texts, { signal: options.signal });
  const cut = new Set(truncated);
  const missing = new Map(unknown.map(({ text, words }) => [text, words]));
  const target = new EmbeddingFile("text", model, options);
  const lines = texts.map((text, i) => {
    const words = missing.get(i);
    return { text, ...(cut.has(i) ? { truncated: true } : {}), ...(words ? { unknown: words } : {}) };
  });
  target.add(rows, lines);
  await target.finish();
  return unknown.flatMap(({ words }) => words);
}

/** @returns the number of rows */
async function embedFeatures(
  model: VideoClip,
  features: ExtractedFeatures,
  failures: FeatureFailures,
  options: EmbedToFolderOptions,
): Promise<number> {
  const { window, hop, seconds, signal } = options;
  const target = new EmbeddingFile("video", model, options);
  const limit = options.saveDtype === "f16" ? MAX_F16 : undefined;
  for (const failure of brokenFailures(features.broken)) failures.add(failure);
  const embedding = { window, hop, seconds, model, signal, failures, limit };
  for await (const { video, rows, spans } of embedFolder(features, embedding)) {
    target.add(rows, spans.map(([start, end]) => ({ video, start, end }))); // prettier-ignore
  }
  if (target.rows === 0) throw failures.list[0].error;
  await target.finish();
  failures.write(options.out);
  return target.rows;
}

/** `NAME.npy` with a line of `NAME.jsonl` per row; both get their names when they are complete. */
class EmbeddingFile {
  readonly #path: string;
  readonly #dim: number;
  readonly #dtype: "f16" | "f32";
  #rows = 0;
  #parts: Uint8Array[] = [];
  #lines: string[] = [];

  constructor(name: string, model: VideoClip, { out, saveDtype = "f32" }: EmbedToFolderOptions) {
    this.#path = join(out, name);
    this.#dim = model.config.hiddenSize;
    this.#dtype = saveDtype;
  }

  get rows(): number {
    return this.#rows;
  }

  add(rows: Float32Array, lines: object[]): void {
    this.#parts.push(npyData(rows.slice(), this.#dtype));
    for (const each of lines) this.#lines.push(`${JSON.stringify({ row: this.#rows++, ...each })}\n`);
  }

  async finish(): Promise<void> {
    await writeDurablyAsync(`${this.#path}.npy`, [npyHeader([this.#rows, this.#dim], this.#dtype), ...this.#parts]);
    await writeDurablyAsync(`${this.#path}.jsonl`, this.#lines);
  }
}
