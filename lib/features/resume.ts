import { existsSync } from "node:fs";
import type { SourceFacts } from "../records/feature_manifest.js";
import { isRemote } from "../base/addresses.js";
import { Turns } from "../records/row.js";
import { InvalidArgumentError } from "../base/errors.js";
import type { Preset } from "../video/types.js";
import type { InputItem } from "./inputs/input_item.js";
import { hasContentOf, isUnchanged, sourceFacts } from "./source_facts.js";
import type { VideoSources } from "./remote/video_sources.js";
import type { FeatureStore, MovedVideo } from "./store.js";

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
  /** Whether a video is among the finished ones, under its path. */
  known: boolean;
}

/** Items whose files are looked at together. */
const TOGETHER = 64;
/** Moved videos whose records are written together. */
const MOVED_TOGETHER = 256;

/** What is known of an item before moved videos are looked for. */
const enum State {
  Todo,
  Skipped,
  Failed,
  Changed,
  /** It has no record, and may be a video that was at another path. */
  Unknown,
}

/**
 * The videos that a run still has to process. Videos that are finished or failed are left out, unless their files
 * changed, by size and time. A new video with the content of one that has disappeared from its path keeps that one's
 * features. Memory depends on the number of items only.
 * @param retry also process failed videos, and those with partial features
 */
export async function planResume(
  store: FeatureStore,
  items: readonly InputItem[],
  { retry, signal, sources }: { retry: boolean; signal?: AbortSignal | undefined; sources: VideoSources },
): Promise<ResumePlan> {
  const plan: ResumePlan = { todo: [], skipped: 0, failed: 0, moved: 0, changed: 0, known: false };
  if (store.records.size === 0 && store.failures.isEmpty) return { ...plan, todo: [...items] };
  const order = byPath(items);
  const states = new Uint8Array(items.length);
  const sizes = new Float64Array(items.length);
  const turns = new Turns();
  function* inOrder() {
    for (const at of order) yield items[at];
  }
  const isKnown = ({ path }: InputItem) => store.records.has(path) || store.failures.get(path) !== undefined;
  let looked: Promise<void>[] = [];
  let next = 0;
  for await (const { item, facts } of sources.factsOf(inOrder(), isKnown, signal)) {
    const at = order[next++];
    looked.push(
      look(store, item, retry, facts).then(({ state, bytes, known }) => {
        [states[at], sizes[at]] = [state, bytes];
        plan.known ||= known;
      }),
    );
    if (looked.length < TOGETHER) continue;
    await Promise.all(looked);
    looked = [];
    if (turns.due()) await turns.give(signal);
  }
  await Promise.all(looked);
  const moves = new Moves(store, (path) => positionOf(path, items, order) !== undefined);
  for (const [i, item] of items.entries()) {
    const state = states[i];
    if (state === State.Skipped) plan.skipped++;
    else if (state === State.Failed) plan.failed++;
    else if (state === State.Unknown && (await moves.find(item.path, sizes[i], signal))) {
      plan.moved++;
      plan.skipped++;
    } else {
      if (state === State.Changed) plan.changed++;
      plan.todo.push(item);
    }
  }
  await moves.finish();
  return plan;
}

/** Positions of items in the order of their paths, in which they are looked up quickly. */
function byPath(items: readonly InputItem[]): Uint32Array {
  const order = Uint32Array.from(items, (_, i) => i);
  const isSorted = items.every(({ path }, i) => i === 0 || items[i - 1].path <= path);
  if (isSorted) return order;
  return order.sort((a, b) => (items[a].path < items[b].path ? -1 : items[a].path > items[b].path ? 1 : a - b));
}

function positionOf(path: string, items: readonly InputItem[], order: Uint32Array): number | undefined {
  let [low, high] = [0, order.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (items[order[middle]].path < path) low = middle + 1;
    else high = middle;
  }
  return low < order.length && items[order[low]].path === path ? order[low] : undefined;
}

/** What the records and failures say about an item, and the size of its file. */
async function look(
  store: FeatureStore,
  { path }: InputItem,
  retry: boolean,
  now: SourceFacts | undefined,
): Promise<{ state: State; bytes: number; known: boolean }> {
  const { records, failures } = store;
  const found = records.index.get(path);
  const fault = found && (await store.faultOf(found));
  if (found && fault !== undefined) records.addFault(found, fault);
  const record = fault === undefined ? found : undefined;
  const failure = failures.get(path);
  const bytes = now?.bytes ?? 0;
  const known = record !== undefined;
  if (record && !(retry && record.partial)) {
    const same = !record.source || !now || (await isUnchanged(path, record.source, now));
    const state = same ? (record.partial && failure ? State.Failed : State.Skipped) : State.Changed;
    return { state, bytes, known };
  }
  if (failure && !retry && !(await isMended(path, failure.source, now))) return { state: State.Failed, bytes, known };
  return { state: record || !now || isRemote(path) ? State.Todo : State.Unknown, bytes, known };
}

/** Whether the file of a failed video has changed. Unknown facts count as unchanged. */
async function isMended(path: string, before: SourceFacts | null | undefined, now: SourceFacts | undefined) {
  if (before === undefined || !now) return false;
  return before === null || !(await isUnchanged(path, before, now));
}

/** Finds videos that were at another path, and records where they are now. */
class Moves {
  readonly #taken = new Set<string>();
  #found: MovedVideo[] = [];

  /** @param isInput whether a path is one of the inputs; such a video has not moved */
  constructor(
    private readonly store: FeatureStore,
    private readonly isInput: (path: string) => boolean,
  ) {}

  /** Looks for a record with the content of a video, whose own path has disappeared. */
  async find(path: string, bytes: number, signal: AbortSignal | undefined): Promise<boolean> {
    const { records } = this.store;
    for (const record of records.index.ofSize(bytes)) {
      signal?.throwIfAborted();
      if (record.partial || this.#taken.has(record.path) || this.isInput(record.path)) continue;
      if (isRemote(record.path) || existsSync(record.path) || !records.isUsable(record)) continue;
      const source = await sourceFacts(path);
      if (!source || !(await hasContentOf(path, record.source!, source).catch(() => false))) continue;
      this.#taken.add(record.path);
      this.#found.push({ record, path, source });
      if (this.#found.length >= MOVED_TOGETHER) await this.finish();
      return true;
    }
    return false;
  }

  /** Writes the records of the videos that were found. */
  async finish(): Promise<void> {
    await this.store.addMoved(this.#found.splice(0));
  }
}

/** The value of a setting, where records leave it out: of older versions, or because it is the default. */
export function withDefault(key: string, value: unknown): unknown {
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
  const refuse = (message: string, details: object) => new InvalidArgumentError(`${store.place} ${message}`, details);
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
  for (const before of store.records.index.settings) {
    for (const key of Object.keys(settings)) {
      const [old, now] = [before[key], settings[key]].map((value) => JSON.stringify(withDefault(key, value)));
      if (old === now) continue;
      if (!store.records.hasUsable(before)) break; // features that are all gone do not count
      throw refuse(`was made with ${key} ${old}, this run has ${now}: use the same settings or another --out`, {
        argument: key,
        expected: before[key],
        received: settings[key],
      });
    }
  }
}
