import { statSync } from "node:fs";
import { join } from "node:path";
import { InvalidArgumentError, VideoClipError } from "../base/errors.js";
import { faultOfSize, type ManifestRecord } from "../records/feature_manifest.js";
import { manifestNames, namesIn } from "../records/part_list.js";
import { RecordIndex } from "../records/record_index.js";
import { Turns } from "../records/row.js";
import { readFeatureFile } from "./extracted_features.js";
import { withDefault } from "./resume.js";

export interface CheckFeaturesOptions {
  /** Also read all features, and report those with values that are not finite or that are no matrix. */
  values?: boolean | undefined;
  signal?: AbortSignal | undefined;
  /** Called now and then with the number of records that were checked. */
  onProgress?: ((progress: { records: number; total: number }) => void) | undefined;
  onNote?: ((note: string) => void) | undefined;
}

/** Findings of one kind: their number, and the first 20 of them. */
export interface FeatureFindings {
  count: number;
  first: { place: string; reason: string }[];
}

export interface FeaturesReport {
  folder: string;
  /** Videos with a record, and their clips. */
  videos: number;
  clips: number;
  /** Number of parts of the manifest. */
  parts: number;
  /** Lines of the manifest that are no records. */
  lines: FeatureFindings;
  /** Records whose feature file is gone. */
  missing: FeatureFindings;
  /** Records whose feature file has another size than its clips need. */
  incomplete: FeatureFindings;
  /** Feature files that no record names. */
  undeclared: FeatureFindings;
  /** Settings that differ from those of the first records. */
  settings: FeatureFindings;
  /** Videos whose feature file a later record of another video has. */
  taken: FeatureFindings;
  /** Feature files that cannot be read or have values that are not finite; absent unless they were read. */
  values?: FeatureFindings | undefined;
  /** Whether nothing was found. */
  ok: boolean;
}

const SHOWN = 20;

/**
 * Compares the records of a features folder with its files, in bounded memory. Nothing is changed.
 * @throws InvalidArgumentError if it is no folder with a manifest; the system's error; the signal's reason
 */
export async function checkFeatures(folder: string, options: CheckFeaturesOptions = {}): Promise<FeaturesReport> {
  assertFeatures(folder);
  const { signal, onNote } = options;
  const index = await RecordIndex.open(folder, { signal, onNote });
  try {
    return await check(index, options);
  } finally {
    index.close();
  }
}

/** @throws InvalidArgumentError unless a folder has a manifest */
export function assertFeatures(folder: string): void {
  const isFolder = statSync(folder, { throwIfNoEntry: false })?.isDirectory();
  if (isFolder && manifestNames(folder).length > 0) return;
  const reason = isFolder ? "has no manifest of an extraction" : "is not a folder";
  throw new InvalidArgumentError(`features: ${folder} ${reason}`, { argument: "features", received: folder });
}

async function check(index: RecordIndex, options: CheckFeaturesOptions): Promise<FeaturesReport> {
  const { folder } = index;
  const { values = false, signal, onProgress } = options;
  const none = (): FeatureFindings => ({ count: 0, first: [] });
  const report: FeaturesReport = {
    folder,
    videos: 0,
    clips: 0,
    parts: index.parts.length,
    lines: { count: index.broken.count, first: index.broken.first.slice(0, SHOWN) },
    missing: none(),
    incomplete: none(),
    undeclared: none(),
    settings: differences(index.settings),
    taken: none(),
    ...(values ? { values: none() } : {}),
    ok: true,
  };
  const turns = new Turns();
  let files = 0;
  const onLost = (record: ManifestRecord) => {
    const owner = index.ownerOf(record.file);
    if (owner?.movedFrom.includes(record.path)) return; // the same video at another path
    add(report.taken, record.path, `its features ${record.file} were replaced by those of ${owner?.path ?? "others"}`);
  };
  for (const record of index.inOrder(onLost)) {
    report.videos++;
    report.clips += record.clips;
    const path = join(folder, record.file);
    const size = statSync(path, { throwIfNoEntry: false })?.size;
    const fault = faultOfSize(record, size);
    if (size !== undefined && isFeature(record.file)) files++;
    if (size === undefined) add(report.missing, path, `features of ${record.path}`);
    else if (fault !== undefined) add(report.incomplete, path, fault);
    else if (report.values) checkValues(path, record, report.values);
    if (values || turns.due()) {
      if (turns.due()) await turns.give(signal);
      onProgress?.({ records: report.videos, total: index.size });
    }
  }
  if ((await countFeatures(folder, turns, signal)) !== files) {
    for (const name of featuresIn(folder)) {
      if (!index.ownerOf(name)) add(report.undeclared, join(folder, name), "no record names it");
      if (turns.due()) await turns.give(signal);
    }
  }
  const { lines, missing, incomplete, undeclared, settings, taken } = report;
  report.ok = [lines, missing, incomplete, undeclared, settings, taken, report.values].every((one) => !one?.count);
  return report;
}

function add(findings: FeatureFindings, place: string, reason: string): void {
  findings.count++;
  if (findings.first.length < SHOWN) findings.first.push({ place, reason });
}

function checkValues(file: string, { path, clips }: ManifestRecord, findings: FeatureFindings): void {
  if (clips === 0) return;
  try {
    const { shape } = readFeatureFile({ file, video: path });
    if (shape[0] !== clips) add(findings, file, `it has ${shape[0]} rows, its record ${clips} clips`);
  } catch (error) {
    if (!(error instanceof VideoClipError)) throw error;
    add(findings, file, error.message);
  }
}

const isFeature = (name: string): boolean => /\.npy$/i.test(name) && !name.startsWith(".");

function* featuresIn(folder: string): Generator<string> {
  for (const name of namesIn(folder)) if (isFeature(name)) yield name;
}

async function countFeatures(folder: string, turns: Turns, signal: AbortSignal | undefined): Promise<number> {
  let count = 0;
  for (const _ of featuresIn(folder)) {
    count++;
    if (turns.due()) await turns.give(signal);
  }
  return count;
}

/** Settings that differ from the first ones; the treatment of broken data may change when failed videos are retried. */
function differences(settings: readonly Record<string, unknown>[]): FeatureFindings {
  const findings: FeatureFindings = { count: 0, first: [] };
  const [first, ...others] = settings;
  for (const other of others) {
    const keys = [...new Set([...Object.keys(first), ...Object.keys(other)])].filter((key) => key !== "onError");
    for (const key of keys) {
      const [expected, received] = [first[key], other[key]].map((value) => JSON.stringify(withDefault(key, value)));
      if (expected !== received) add(findings, key, `it is ${expected} in some records and ${received} in others`);
    }
  }
  return findings;
}
