import { createHash } from "node:crypto";
import { createReadStream, existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatasetError, InvalidArgumentError } from "../base/errors.js";
import { makeFolder, writeDurably } from "../base/files.js";
import { readOrSkip } from "./check.js";
import type { FeatureSource } from "./feature_source.js";
import type { VideoRecord } from "./record.js";
import { UnknownWords } from "../text/unknown_words.js";
import type { UnknownCaptions, UnknownReport } from "./unknown_captions.js";
import { ShardBuilder } from "./shard.js";
import type { Skips } from "./skips.js";

/** An entry of a shard in `pack.json`. */
export interface ShardEntry {
  file: string;
  bytes: number;
  sha256: string;
  videos: number;
  rows: number;
  captions: number;
  tokens: number;
  /** Number of words of its captions that the tokenizer does not know. */
  unknown?: number | undefined;
  /**
   * Number of records of the dataset read up to its end, including those left out: the position at which a resumed run
   * continues.
   */
  read: number;
}

/** The content of `pack.json`. */
export interface PackManifest {
  format: "videoclip-pack";
  version: 1;
  /** Width of a row of features. */
  width: number;
  /** Describes the source (dataset, tokenizer, options). A pack is only resumed with the same source. */
  source: Record<string, unknown>;
  complete: boolean;
  shards: ShardEntry[];
  skipped: { reason: string; count: number; first: string }[];
  /** Words of captions that the tokenizer does not know; absent if there are none. */
  unknown?: UnknownReport | undefined;
}

export interface PackOptions {
  features: FeatureSource;
  /** Token ids of texts, without special tokens. */
  tokenise: (texts: string[]) => number[][];
  /** Counts words that the tokenizer does not know. */
  unknownWords?: UnknownWords | undefined;
  /** Counts these words for the manifest, in the place of `unknownWords`. */
  unknownCaptions?: UnknownCaptions | undefined;
  source: Record<string, unknown>;
  skips: Skips;
  /** Size of a shard; default 128 MiB. */
  shardBytes?: number | undefined;
  /** Maximum tokens of a caption; default all. */
  captionTokens?: number | undefined;
  /** Maximum characters of a caption that are tokenised; default all. */
  captionCharacters?: number | undefined;
  /**
   * Keep captions that begin after the features, and unchanged times, for the sampler's quirk `lateCaptions`. Default
   * false: such captions are left out, and captions end with the features.
   */
  lateCaptions?: boolean | undefined;
  signal?: AbortSignal | undefined;
  /** Called after each shard. */
  onProgress?: ((progress: PackProgress) => void) | undefined;
}

export interface PackProgress {
  /** Number of records of the dataset that were read. */
  read: number;
  /** Videos in the pack. */
  videos: number;
  shards: number;
}

export const PACK_FILE = "pack.json";

/** Reads `pack.json`. @throws DatasetError when it is missing or has another format */
export function readPack(folder: string): PackManifest {
  const path = join(folder, PACK_FILE);
  let manifest: PackManifest;
  try {
    manifest = JSON.parse(readFileSync(path, "utf8")) as PackManifest;
  } catch (cause) {
    throw new DatasetError("ERR_DATASET", `${path}: cannot be read: ${(cause as Error).message}`, {
      file: path,
      cause,
    });
  }
  if (manifest?.format !== "videoclip-pack" || manifest.version !== 1 || !Array.isArray(manifest.shards)) {
    throw new DatasetError("ERR_DATASET", `${path}: not a dataset of videoclip data pack`, { file: path });
  }
  return manifest;
}

/**
 * Packs features and tokenised captions of a dataset into shards. They are read by position, so training needs memory
 * only for the drawn examples. A shard is complete before `pack.json` lists it; an interrupted run continues after its
 * last shard. Videos without captions or features are counted and left out.
 * @throws InvalidArgumentError when the folder has a pack of another source
 */
export async function packDataset(
  records: AsyncIterable<VideoRecord>,
  folder: string,
  options: PackOptions,
): Promise<PackManifest> {
  const { features, tokenise, source, skips, shardBytes = 128 << 20, captionTokens, signal, onProgress } = options;
  const { unknownCaptions, captionCharacters, lateCaptions = false } = options;
  const unknownWords = unknownCaptions?.words ?? options.unknownWords ?? new UnknownWords();
  makeFolder(folder);
  const manifest = resume(folder, source);
  if (manifest.complete) return manifest;
  if (manifest.unknown) unknownCaptions?.restore(manifest.unknown);
  const done = manifest.shards.at(-1)?.read ?? 0;
  let read = 0;
  let builder: ShardBuilder | undefined;
  let counted = unknownWords.count;

  const flush = async () => {
    if (!builder || builder.videos === 0) return;
    const file = `shard-${String(manifest.shards.length).padStart(5, "0")}.safetensors`;
    const counts = builder.write(join(folder, file));
    const sha256 = await hashFile(join(folder, file));
    const unknown = unknownWords.count - counted;
    counted = unknownWords.count;
    manifest.shards.push({ file, bytes: statSync(join(folder, file)).size, sha256, ...counts, unknown, read });
    manifest.skipped = skips.report();
    manifest.unknown = unknownCaptions?.report();
    writePack(folder, manifest);
    builder = undefined;
    onProgress?.({ read, videos: manifest.shards.reduce((n, s) => n + s.videos, 0), shards: manifest.shards.length });
  };

  for await (const record of records) {
    signal?.throwIfAborted();
    if (read++ < done) {
      if (read === done) skips.restore(manifest.skipped); // records that are read again are not counted again
      continue;
    }
    if (record.captions.length === 0) {
      skips.add("a video without captions", record.video);
      continue;
    }
    const found = await readOrSkip(record, features, { skips });
    if (!found) continue;
    if (manifest.width === 0) manifest.width = found.shape[1];
    if (found.shape[1] !== manifest.width) {
      skips.add(`features that are not ${manifest.width} wide`, `${record.video}: ${found.shape[1]}`);
      continue;
    }
    const inside = record.captions.filter(({ start }) => lateCaptions || start < found.shape[0]);
    if (inside.length === 0) {
      skips.add("captions that all begin after the features end", record.video);
      continue;
    }
    const texts = inside.map(({ text }) => firstCharacters(text, captionCharacters));
    const ids = tokenise(texts).map((list) => list.slice(0, captionTokens));
    builder ??= new ShardBuilder(manifest.width);
    builder.add({
      name: record.video,
      features: found,
      captions: {
        start: inside.map(({ start }) => start),
        end: inside.map(({ end }) => (lateCaptions ? end : Math.min(end, found.shape[0]))),
        ids,
      },
    });
    if (builder.bytes >= shardBytes) await flush();
  }
  await flush();
  manifest.complete = true;
  manifest.skipped = skips.report();
  writePack(folder, manifest);
  return manifest;
}

/** The first characters of a text, as Python counts them. */
const firstCharacters = (text: string, max = Infinity): string =>
  text.length <= max ? text : [...text].slice(0, max).join("");

function resume(folder: string, source: Record<string, unknown>): PackManifest {
  if (!existsSync(join(folder, PACK_FILE))) {
    return { format: "videoclip-pack", version: 1, width: 0, source, complete: false, shards: [], skipped: [] };
  }
  const manifest = readPack(folder);
  if (JSON.stringify(manifest.source) !== JSON.stringify(source)) {
    throw new InvalidArgumentError(
      `${folder}: holds a pack of ${JSON.stringify(manifest.source)}; this one is of ${JSON.stringify(source)}: choose another folder`,
      { argument: "out", expected: manifest.source, received: source },
    );
  }
  return manifest;
}

/** Replaces `pack.json` atomically. */
function writePack(folder: string, manifest: PackManifest): void {
  writeDurably(join(folder, PACK_FILE), `${JSON.stringify(manifest, null, 1)}\n`);
}

/** SHA-256 of a file, hexadecimal. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
