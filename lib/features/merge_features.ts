import { readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { InvalidArgumentError } from "../base/errors.js";
import { DurableFile, makeFolder, removeFile, removeIfPossible, writeDurably } from "../base/files.js";
import { repairLastLine } from "../base/json_lines.js";
import { linkOrCopy } from "../base/link_file.js";
import type { ManifestRecord } from "../records/feature_manifest.js";
import { sampleOf } from "../records/index_state.js";
import { LineReader } from "../records/line_reader.js";
import { manifestNames, PartList } from "../records/part_list.js";
import { Turns } from "../records/row.js";
import { assertFeatures } from "./check_features.js";
import { type FileLock, takeLock } from "./lock.js";
import { FeatureStore } from "./store.js";

export interface MergeFeaturesOptions {
  /** Another folder for the merged manifest and the features; the merged folder then stays as it is. */
  out?: string | undefined;
  signal?: AbortSignal | undefined;
  onNote?: ((note: string) => void) | undefined;
}

export interface MergeFeaturesSummary {
  /** Folder with the merged manifest. */
  folder: string;
  /** Number of parts of the manifest that were merged. */
  parts: number;
  videos: number;
  failures: number;
  /** Number of lines that were no records; they are left out. */
  broken: number;
}

/** What is merged into a file, so that a merge that was killed is finished by the next one. */
interface Merged {
  name: string;
  bytes: number;
  sample: string;
  /** The parts that are in it. */
  parts: { name: string; bytes: number; sample: string }[];
}

const JOURNAL = ".merge.json";
const NAMES = ["manifest.jsonl", "failures.jsonl"] as const;
const temporaryOf = (folder: string, name: string) => join(folder, `${name}.merge.tmp`);

/**
 * Merges all parts of the manifest of a folder into `manifest.jsonl`, with the current record of each video, sorted by
 * path, and all failures into `failures.jsonl`. The result depends on the records only, not on the parts they were in.
 * When it is killed nothing is lost, and the next merge finishes it.
 * @throws InvalidArgumentError if a part has a live writer, or `out` holds features; VideoClipError `ERR_WRITE`; the
 * signal's reason
 */
export async function mergeFeatures(folder: string, options: MergeFeaturesOptions = {}): Promise<MergeFeaturesSummary> {
  assertFeatures(folder);
  const out = resolve(options.out ?? folder);
  const locks: FileLock[] = [];
  try {
    await lockAll(resolve(folder), options, locks);
    if (out === resolve(folder)) return await mergeInPlace(out, options);
    makeFolder(out);
    await lockAll(out, options, locks);
    if (manifestNames(out).length > 0)
      throw new InvalidArgumentError(`${out} already holds features: give another --out`, { argument: "out" });
    return await mergeInto(resolve(folder), out, options);
  } finally {
    for (const lock of locks) lock.release();
  }
}

/** Takes the lock of every part of a folder. */
async function lockAll(folder: string, { signal, onNote }: MergeFeaturesOptions, locks: FileLock[]): Promise<void> {
  const parts = await partNames(folder);
  const suffixes = parts.map((name) => /^\w+?(\..*)?\.jsonl$/.exec(name)?.[1] ?? "");
  for (const suffix of [...new Set(["", ...suffixes])].sort())
    locks.push(await takeLock(join(folder, `.lock${suffix}`), "an extraction", { signal, onNote }));
}

async function partNames(folder: string): Promise<string[]> {
  const { manifests, failures } = await PartList.open(folder);
  return [...manifests, ...failures];
}

async function mergeInPlace(folder: string, options: MergeFeaturesOptions): Promise<MergeFeaturesSummary> {
  finishMerge(folder);
  const names = await partNames(folder);
  for (const name of names) repairLastLine(join(folder, name));
  const { files, ...summary } = await writeMerged(folder, folder, options);
  const merged = files.map(({ name, file, bytes }): Merged => {
    const isPart = (other: string) => other !== name && other.startsWith(name.replace(/\.jsonl$/, "."));
    const parts = names.filter(isPart).map((part) => {
      const path = join(folder, part);
      const { size } = statSync(path);
      return { name: part, bytes: size, sample: sampleOf(path, size)! };
    });
    if (bytes === 0) file.discard();
    return { name, bytes, sample: bytes === 0 ? "" : sampleOf(temporaryOf(folder, name), bytes)!, parts };
  });
  writeDurably(join(folder, JOURNAL), JSON.stringify(merged));
  for (const { file, bytes } of files) {
    if (bytes > 0) file.commit();
    else removeFile(file.path);
  }
  finishMerge(folder);
  // its index is made again now, if it has one
  (await FeatureStore.read(folder, options)).close();
  return { folder, ...summary };
}

/** Removes the parts that a merge has put into files, also one that was killed. */
function finishMerge(folder: string): void {
  for (const name of NAMES) removeIfPossible(temporaryOf(folder, name));
  const path = join(folder, JOURNAL);
  for (const { name, bytes, sample, parts } of readJournal(path)) {
    const file = join(folder, name);
    const isThere = bytes === 0 ? !statSync(file, { throwIfNoEntry: false }) : sampleOf(file, bytes) === sample;
    if (!isThere) continue; // it was killed before: the parts are merged again
    for (const part of parts) {
      const partPath = join(folder, part.name);
      const size = statSync(partPath, { throwIfNoEntry: false })?.size;
      if (size === part.bytes && sampleOf(partPath, size) === part.sample) removeFile(partPath);
    }
  }
  removeFile(path);
}

function readJournal(path: string): Merged[] {
  try {
    const merged = JSON.parse(readFileSync(path, "utf8")) as Merged[];
    const isName = (name: unknown) => typeof name === "string" && /^(manifest|failures)(\.[\w.-]+)?\.jsonl$/.test(name);
    return merged.every(({ name, parts }) => isName(name) && parts.every((part) => isName(part.name))) ? merged : [];
  } catch {
    return []; // there is none
  }
}

async function mergeInto(folder: string, out: string, options: MergeFeaturesOptions): Promise<MergeFeaturesSummary> {
  const turns = new Turns();
  const link = async (record: ManifestRecord) => {
    linkFeatures(join(folder, record.file), join(out, record.file));
    if (turns.due()) await turns.give(options.signal);
  };
  const { files, ...summary } = await writeMerged(folder, out, options, link);
  for (const { file, bytes } of files.reverse()) {
    // the manifest comes last: it makes the folder one of features
    if (bytes > 0) file.commit();
    else file.discard();
  }
  return { folder: out, ...summary };
}

/** Gives a file of features a second name. Without the file, or with the second name, there is nothing to do. */
function linkFeatures(from: string, to: string): void {
  const size = statSync(from, { throwIfNoEntry: false })?.size;
  if (size === undefined || statSync(to, { throwIfNoEntry: false })?.size === size) return;
  linkOrCopy(from, to);
}

/** Writes the merged files under temporary names. */
async function writeMerged(
  folder: string,
  out: string,
  { signal, onNote }: MergeFeaturesOptions,
  each: (record: ManifestRecord) => Promise<void> = async () => {},
) {
  const store = await FeatureStore.read(folder, { signal, onNote });
  const lines = new LineReader();
  const turns = new Turns();
  const files = NAMES.map((name) => ({
    name,
    file: new DurableFile(join(out, name), temporaryOf(out, name)),
    bytes: 0,
  }));
  const [manifest, failed] = files.map((target) => {
    const write = bufferedWrite(target.file);
    return {
      add: (line: Uint8Array) => void (target.bytes += write(line)),
      finish: () => void write(undefined),
    };
  });
  const summary = { parts: store.records.index.parts.length, videos: 0, failures: 0, broken: 0 };
  try {
    const { index } = store.records;
    for (const record of index.inOrder()) {
      manifest.add(lines.read(record));
      summary.videos++;
      await each(record);
      if (turns.due()) await turns.give(signal);
    }
    manifest.finish();
    for (const failure of store.failures.inOrder()) {
      failed.add(Buffer.from(JSON.stringify(failure)));
      summary.failures++;
      if (turns.due()) await turns.give(signal);
    }
    failed.finish();
    summary.broken = index.broken.count;
    return { files, ...summary };
  } catch (error) {
    for (const { file } of files) file.discard();
    throw error;
  } finally {
    lines.close();
    store.close();
  }
}

/** Bytes of lines per write. */
const WRITE = 1 << 20;

/** Writes lines in large pieces; without a line, the rest. @returns number of bytes of the line with its break */
function bufferedWrite(file: DurableFile) {
  let pieces: Uint8Array[] = [];
  let size = 0;
  const flush = () => {
    file.write(Buffer.concat(pieces));
    [pieces, size] = [[], 0];
  };
  return (line: Uint8Array | undefined): number => {
    if (line) {
      pieces.push(line, BREAK);
      size += line.length + 1;
    }
    if (!line || size >= WRITE) flush();
    return line ? line.length + 1 : 0;
  };
}

const BREAK = Buffer.from("\n");
