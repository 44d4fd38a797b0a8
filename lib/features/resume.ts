import { existsSync } from "node:fs";
import { isRemote } from "../base/addresses.js";
import type { ManifestRecord, SourceFacts } from "../records/feature_manifest.js";
import { InvalidArgumentError } from "../base/errors.js";
import type { Preset } from "../video/types.js";
import type { InputItem } from "./input_item.js";
import type { VideoSources } from "./remote/video_sources.js";
import { hasContentOf, isUnchanged } from "./source_facts.js";
import type { FeatureStore } from "./store.js";

export interface ResumePlan {
  todo: InputItem[];
  /** Number of videos finished by earlier runs, including moved ones. */
  skipped: number;
  /** Number of videos that failed in earlier runs and are not tried again. */
  failed: number;
  /** Number of videos finished under another path. */
  moved: number;
  /** Number of finished videos whose file has changed; they are in `todo`. */
  changed: number;
}

/**
 * The videos that a run still has to process. Videos that are finished or failed are left out, unless their files
 * changed, by size and time. A new video with the content of one that has disappeared from its path keeps that one's
 * features.
 * @param retry also process failed videos, and those with partial features
 */
export async function planResume(
  store: FeatureStore,
  items: readonly InputItem[],
  { retry, signal, sources }: { retry: boolean; signal?: AbortSignal | undefined; sources: VideoSources },
): Promise<ResumePlan> {
  const plan: ResumePlan = { todo: [], skipped: 0, failed: 0, moved: 0, changed: 0 };
  if (store.records.size === 0 && store.failures.size === 0) return { ...plan, todo: [...items] };
  const gone = recordsBySize(store.records, new Set(items.map(({ path }) => path)));
  const isKnown = ({ path }: InputItem) => store.records.has(path) || store.failures.has(path);
  for await (const { item, facts: now } of sources.factsOf(items, isKnown, signal)) {
    const { path } = item;
    const record = store.records.get(path);
    const failure = store.failures.get(path);
    if (record && !(retry && record.partial)) {
      if (!record.source || !now || (await isUnchanged(path, record.source, now))) {
        if (record.partial && failure) plan.failed++;
        else plan.skipped++;
      } else {
        plan.changed++;
        plan.todo.push(item);
      }
    } else if (failure && !retry && !(await isMended(path, failure.source, now))) {
      plan.failed++;
    } else {
      const before = record || !now || isRemote(path) ? undefined : await movedFrom(path, now, gone.get(now.bytes));
      if (before) {
        store.addMoved(before, path, now!);
        gone.get(now!.bytes)!.delete(before);
        plan.moved++;
        plan.skipped++;
      } else plan.todo.push(item);
    }
  }
  return plan;
}

/** Records by the size of their videos, without those of `paths`, which have not moved. */
function recordsBySize(records: ReadonlyMap<string, ManifestRecord>, paths: ReadonlySet<string>) {
  const bySize = new Map<number, Set<ManifestRecord>>();
  for (const record of records.values()) {
    const bytes = record.source?.bytes;
    if (bytes === undefined || record.partial || paths.has(record.path)) continue;
    bySize.set(bytes, (bySize.get(bytes) ?? new Set()).add(record));
  }
  return bySize;
}

/** Whether the file of a failed video has changed. Unknown facts count as unchanged. */
async function isMended(path: string, before: SourceFacts | null | undefined, now: SourceFacts | undefined) {
  if (before === undefined || !now) return false;
  return before === null || !(await isUnchanged(path, before, now));
}

/** The record of a video that has disappeared from its path and had this content. */
async function movedFrom(path: string, now: SourceFacts, records: Iterable<ManifestRecord> = []) {
  for (const record of records) {
    if (
      !isRemote(record.path) &&
      !existsSync(record.path) &&
      (await hasContentOf(path, record.source!, now).catch(() => false))
    )
      return record;
  }
  return undefined;
}

/** The value of a setting, where records leave it out: of older versions, or because it is the default. */
function withDefault(key: string, value: unknown): unknown {
  if (key === "onError") return value ?? "skip";
  if (key !== "preset" || typeof value !== "object" || value === null) return value;
  return { ...value, hdr: (value as Partial<Preset>).hdr ?? "tonemap" };
}

/**
 * Refuses a folder with features of other settings, or with any features unless the run resumes.
 * @param names of the features to write
 * @throws InvalidArgumentError
 */
export function checkResume(
  store: FeatureStore,
  names: Iterable<string>,
  resume: boolean,
  settings: Record<string, unknown>,
): void {
  const refuse = (message: string, details: object) => new InvalidArgumentError(`${store.folder} ${message}`, details);
  if (!resume && store.used) {
    throw refuse("already holds features: add --resume to go on, or give another --out", { argument: "out" });
  }
  for (const name of resume ? [] : names) {
    if (!store.hasForeign(name)) continue;
    throw refuse(`holds a file ${name} that is not of an extraction: give another --out, or replace it with --resume`, {
      argument: "out",
      received: name,
    });
  }
  for (const before of new Set([...store.records.values()].map((record) => record.settings))) {
    for (const key of Object.keys(settings)) {
      const [old, now] = [before[key], settings[key]].map((value) => JSON.stringify(withDefault(key, value)));
      if (old === now) continue;
      throw refuse(`was made with ${key} ${old}, this run has ${now}: use the same settings or another --out`, {
        argument: key,
        expected: before[key],
        received: settings[key],
      });
    }
  }
}
