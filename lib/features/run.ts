import { resolve } from "node:path";
import { makeFolder, quietly } from "../base/files.js";
import { isAddress } from "../base/addresses.js";
import { BucketResults } from "./remote/bucket_results.js";
import { VideoSources } from "./remote/video_sources.js";
import { featureNames } from "./feature_names.js";
import { findInputs } from "./inputs/find_inputs.js";
import { readShard, takeShard } from "./inputs/shard.js";
import { checkResume, planResume, type ResumePlan } from "./resume.js";
import { type SavedCounts, type SaveOptions, saveVideos, settingsOf } from "./save_videos.js";
import { FeatureStore } from "./store.js";
import { endOfRun } from "./surroundings.js";

export interface ExtractToFolderOptions extends SaveOptions {
  /** A folder, or `s3://bucket/prefix`. */
  out: string;
  /** `I/N`: only every N-th video from the I-th on; `auto` or `auto/N` by the task of an array: see `readShard`. */
  shard?: string | undefined;
  /**
   * Continue in a folder: finished and failed videos are skipped, unless their files changed. Moved videos keep their
   * features.
   */
  resume?: boolean | undefined;
  /** Continue, and try failed and partial videos again. */
  retryFailed?: boolean | undefined;
  /** Called with sentences about files that are left out, moved or changed, and about broken records. */
  onNote?: ((note: string) => void) | undefined;
}

export interface ExtractSummary extends SavedCounts {
  /** Number of videos finished by an earlier run. */
  skipped: number;
  /** Of these, number finished under another path. */
  moved: number;
  /** Number of videos processed again because their files changed. */
  changed: number;
  /**
   * Files and folders that the search left out: files by extension, folders of programs by name, pictures with the name
   * of a video.
   */
  omitted: { endings: Record<string, number>; folders: Record<string, number>; pictures: number };
  seconds: number;
}

/**
 * Extracts features into a folder, or below a prefix of a bucket: one `.npy` `[clips, dim]` per video, `manifest.jsonl` and `failures.jsonl`. A fault
 * of one video is a failure of that video; a fault that concerns all videos (a full disk, a lost mount, no decoder)
 * ends the run.
 * @throws InvalidArgumentError; DatasetError for a list that cannot be read; VideoClipError `ERR_WRITE`; VideoError
 * `ERR_INPUTS_LOST`, `ERR_DECODER_MISSING`; StorageError; the signal's reason, after finished videos are saved
 */
export async function extractToFolder(
  inputs: readonly string[],
  options: ExtractToFolderOptions,
): Promise<ExtractSummary> {
  const { signal, onNote = () => {} } = options;
  const shard = options.shard === undefined ? undefined : readShard(options.shard);
  const started = Date.now();
  const isBucket = /^s3:\/\//i.test(options.out);
  if (!isBucket && isAddress(options.out)) makeFolder(options.out); // throws before anything is searched
  const sources = new VideoSources(options);
  const found = await findInputs(inputs, sources, signal);
  const left = found.omitted.sentence();
  if (left) onNote(left);
  const shardItems = takeShard(found.items, shard);
  const suffix = shard ? `.${shard.index}-of-${shard.count}` : "";
  const bucket = isBucket ? await BucketResults.open(options.out, suffix, sources, signal) : undefined;
  const out = bucket?.folder ?? resolve(options.out);
  const opening = FeatureStore.open(out, suffix, { signal, bucket, onNote: options.onNote });
  const store = await opening.catch((error) => {
    bucket?.close(); // a store that is open does it
    throw error;
  });
  const { endings, folders, pictures } = found.omitted;
  const none = { videos: 0, clips: 0, failures: 0, broken: 0, skipped: 0, moved: 0, changed: 0, seconds: 0 };
  const summary: ExtractSummary = { ...none, omitted: { endings, folders, pictures } };
  try {
    const settings = settingsOf(options);
    const names = featureNames(found.items, store.records);
    const { resume = false, retryFailed: retry = false } = options;
    // failed videos may be retried with another `onError`: finished videos keep their records
    const { onError: _, ...compared } = settings;
    function* outputs() {
      for (const { path } of shardItems) yield names.get(path);
    }
    checkResume(store, outputs(), resume || retry, retry ? compared : settings);
    if (retry) await store.clearFailures();
    const plan = await planResume(store, shardItems, { retry, signal, sources });
    const isKnown = () => plan.known || (shard && found.items.some(({ path }) => store.records.has(path)));
    for (const note of notesOf(store, plan, isKnown)) onNote(note);
    const { todo, failed, skipped, moved, changed } = plan;
    Object.assign(summary, { failures: failed, skipped, moved, changed });
    const nameOf = (path: string) => names.get(path);
    await saveVideos(todo, { store, nameOf, settings, roots: found.roots, counts: summary, sources }, options);
    await store.finish();
  } catch (error) {
    quietly(() => store.close());
    throw endOfRun(error);
  } finally {
    sources.dispose();
  }
  store.close();
  summary.seconds = (Date.now() - started) / 1000;
  return summary;
}

/** Maximum broken records that are reported individually. */
const MAX_REPORTED = 10;

function* notesOf(store: FeatureStore, plan: ResumePlan, isKnown: () => unknown): Generator<string> {
  const { records } = store;
  const { count, first } = records.broken;
  for (const { place, reason } of first.slice(0, MAX_REPORTED))
    yield `${place}: ${reason}; its video is extracted again`;
  if (count > MAX_REPORTED) yield `${count - MAX_REPORTED} more records are broken`;
  if (plan.changed > 0) yield `${plan.changed} of the finished videos changed since, and are extracted again`;
  if (plan.moved > 0) yield `${plan.moved} of the finished videos were moved, and keep their features`;
  if (records.size > 0 && plan.moved === 0 && !isKnown())
    yield `none of the ${records.size} finished videos in ${store.place} is among the inputs; were they moved and changed?`;
}
