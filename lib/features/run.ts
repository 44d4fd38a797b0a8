import { resolve } from "node:path";
import type { ManifestEntry, SourceFacts } from "../records/feature_manifest.js";
import { type VideoClipError, VideoError } from "../base/errors.js";
import { makeFolder, quietly } from "../base/files.js";
import type { ClipEncoder } from "../models/encode_clips.js";
import type { VideoEncoder } from "../models/video/video_encoder.js";
import type { VideoInfo } from "../video/types.js";
import { isAddress } from "../base/addresses.js";
import { type ExtractEvent, type ExtractOptions, extractEvents } from "./extract.js";
import { featureNames } from "./feature_names.js";
import { Grouped } from "./grouped.js";
import { type FoundInputs, findInputs, takeShard } from "./inputs.js";
import { checkResume, planResume, type ResumePlan } from "./resume.js";
import { sourceFacts, withContent } from "./source_facts.js";
import { type FailureEntry, FeatureStore, FeatureWriter } from "./store.js";
import { endOfRun, isNameFault, surroundingFault } from "./surroundings.js";

export interface ExtractToFolderOptions extends ExtractOptions {
  /** A `VideoEncoder`, or another encoder of clips with the facts for the manifest. */
  encoder: ClipEncoder & Pick<VideoEncoder, "model" | "output" | "weightsHash" | "precision">;
  out: string;
  /** Default f16. */
  saveDtype?: "f32" | "f16" | undefined;
  /** `I/N`: only every N-th video from the I-th on. */
  shard?: string | undefined;
  /**
   * Continue in a folder: finished and failed videos are skipped, unless their files changed. Moved videos keep their
   * features.
   */
  resume?: boolean | undefined;
  /** Continue, and try failed and partial videos again. */
  retryFailed?: boolean | undefined;
  /**
   * Record the SHA-256 of each video, by which touched or moved files are recognised with certainty. It costs one more
   * read of the file.
   */
  hash?: boolean | undefined;
  /** Keep the features of a video that stops early; its manifest entry has `partial`. `onError: "stop"` implies it. */
  keepPartial?: boolean | undefined;
  /** Called for each event, once its data are saved. */
  onEvent?: ((event: ExtractEvent) => void) | undefined;
  /** Called with sentences about files that are left out, moved or changed, and about broken records. */
  onNote?: ((note: string) => void) | undefined;
}

export interface ExtractSummary {
  videos: number;
  clips: number;
  failures: number;
  /** Number of videos with broken data, whose clips were left out. */
  broken: number;
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
 * Extracts features into a folder: one `.npy` `[clips, dim]` per video, `manifest.jsonl` and `failures.jsonl`. A fault
 * of one video is a failure of that video; a fault that concerns all videos (a full disk, a lost mount, no decoder)
 * ends the run.
 * @throws InvalidArgumentError; DatasetError for a list that cannot be read; VideoClipError `ERR_WRITE`; VideoError
 * `ERR_INPUTS_LOST`, `ERR_DECODER_MISSING`; the signal's reason, after finished videos are saved
 */
export async function extractToFolder(
  inputs: readonly string[],
  options: ExtractToFolderOptions,
): Promise<ExtractSummary> {
  const { shard, signal, onNote = () => {} } = options;
  const started = Date.now();
  if (isAddress(options.out)) makeFolder(options.out); // throws before anything is searched
  const found = await findInputs(inputs);
  const left = found.omitted.sentence();
  if (left) onNote(left);
  const shardItems = takeShard(found.items, shard);
  const suffix = shard ? `.${shard.replace("/", "-of-")}` : "";
  const store = await FeatureStore.open(resolve(options.out), suffix, { signal, onNote: options.onNote });
  const { endings, folders, pictures } = found.omitted;
  const none = { videos: 0, clips: 0, failures: 0, broken: 0, skipped: 0, moved: 0, changed: 0, seconds: 0 };
  const summary: ExtractSummary = { ...none, omitted: { endings, folders, pictures } };
  try {
    const settings = settingsOf(options);
    const names = featureNames(
      found.items.map(({ path }) => path),
      store.records,
    );
    const { resume = false, retryFailed: retry = false } = options;
    // failed videos may be retried with another `onError`: finished videos keep their records
    const { onError: _, ...compared } = settings;
    const outputs = shardItems.map(({ path }) => names.get(path)!);
    checkResume(store, outputs, resume || retry, retry ? compared : settings);
    if (retry) store.clearFailures();
    const plan = await planResume(store, shardItems, { retry, signal });
    const known = found.items.some(({ path }) => store.records.has(path));
    for (const note of notesOf(store, plan, known)) onNote(note);
    const { todo, failed, skipped, moved, changed } = plan;
    Object.assign(summary, { failures: failed, skipped, moved, changed });
    await extractVideos({ ...found, items: todo }, { store, names, settings, summary }, options);
  } catch (error) {
    quietly(() => store.close());
    throw endOfRun(error);
  }
  store.close();
  summary.seconds = (Date.now() - started) / 1000;
  return summary;
}

interface Target {
  store: FeatureStore;
  names: ReadonlyMap<string, string>;
  settings: Record<string, unknown>;
  summary: ExtractSummary;
}

/** A video whose clips are arriving. */
interface OpenVideo {
  writer?: FeatureWriter | undefined;
  /** The file at the time of its first clip; the next run notices a later change. */
  source?: SourceFacts | undefined;
  /** The reason why its features cannot be written. */
  fault?: VideoClipError | undefined;
}

/** A video that has ended, with or without an error. */
interface EndedVideo {
  event: Exclude<ExtractEvent, { type: "clip" }>;
  video: OpenVideo;
}

/** Maximum videos whose features are synced to disk together, and of waiting ones. */
const SAVED_TOGETHER = 64;

async function extractVideos(
  { items, roots }: FoundInputs,
  target: Target,
  options: ExtractToFolderOptions,
): Promise<void> {
  const { store, names, summary } = target;
  const { encoder, saveDtype = "f16" } = options;
  const open = new Map<string, OpenVideo>();
  const ended = new Grouped<EndedVideo>(async (group) => {
    await saveVideos(group, target, options);
    for (const { event } of group) open.delete(event.path);
  }, SAVED_TOGETHER);
  try {
    for await (const event of extractEvents(items, options)) {
      const { path } = event;
      const video = open.get(path) ?? {};
      if (event.type !== "clip") {
        if (event.type === "failure") {
          const fault = await surroundingFault(path, event.error, roots);
          if (fault) throw fault;
        }
        await ended.add({ event, video });
        continue;
      }
      if (!open.has(path)) {
        video.source = await sourceFacts(path);
        open.set(path, video);
      }
      if (video.fault) continue;
      try {
        video.writer ??= new FeatureWriter(store, names.get(path)!, encoder.dim, saveDtype);
        video.writer.add(event.feature, event.start, event.end, event.paddedFrames);
        summary.clips++;
      } catch (error) {
        video.fault = nameFault(error);
      }
      options.onEvent?.(event);
    }
    await ended.finish();
  } finally {
    await ended.finish().catch(() => {}); // finished videos are saved whatever else went wrong
    for (const { writer } of open.values()) writer?.discard();
  }
}

/** Makes the features and records of videos durable, and then reports them. */
async function saveVideos(
  group: readonly EndedVideo[],
  target: Target,
  options: ExtractToFolderOptions,
): Promise<void> {
  const { store, settings, summary } = target;
  const { hash = false } = options;
  const kept = group.filter(({ event, video }) => {
    const isKept = event.type === "end" || keepsPartial(event.error, options);
    return isKept && video.writer && !video.fault;
  });
  const faults = await FeatureWriter.finishAll(kept.map(({ video }) => video.writer!));
  kept.forEach(({ video }, i) => (video.fault = faults[i] as VideoClipError | undefined));
  const entries = kept.map(async ({ event, video }): Promise<ManifestEntry[]> => {
    const { writer, fault } = video;
    if (!writer || fault) return [];
    const { path } = event;
    const source = video.source && (await withContent(path, video.source, hash));
    return [
      {
        path,
        file: writer.name,
        duration: event.info?.duration ?? 0,
        clips: writer.timestamps.length,
        timestamps: writer.timestamps,
        padded_frames: writer.paddedFrames,
        ...(event.info?.hdr ? { hdr: event.info.hdr } : {}),
        ...(event.info?.assumedFps ? { assumed_fps: event.info.assumedFps } : {}),
        ...(event.type === "failure" ? { partial: true } : {}),
        ...(event.info?.broken ? { broken: event.info.broken } : {}),
        ...(source ? { source } : {}),
        settings,
        finished_at: new Date().toISOString(),
      },
    ];
  });
  const foreign = faults.find((fault) => fault !== undefined && !isNameFault(fault));
  const failures = group.map(async ({ event, video }): Promise<FailureEntry[]> => {
    const error = errorOf({ event, video });
    if (!error || error === foreign) return [];
    const { path } = event;
    const { code, message, details } = error;
    const source = video.source ?? (await sourceFacts(path)) ?? null;
    return [{ path, code, reason: message, time: details.time, source, failed_at: new Date().toISOString() }];
  });
  await store.add((await Promise.all(entries)).flat(), foreign ? [] : (await Promise.all(failures)).flat());
  if (foreign) throw foreign;
  for (const { event, video } of group) {
    const error = errorOf({ event, video });
    if (video.fault || event.type === "failure") video.writer?.discard();
    summary[error ? "failures" : "videos"]++;
    if (!error && event.info?.broken) summary.broken++;
    const { path, info } = event;
    options.onEvent?.(error && event.type === "end" ? { type: "failure", path, error, info } : event);
  }
}

/** The reason why a video counts as failed; also for a partial one, whose features are kept. */
function errorOf({ event, video }: EndedVideo): VideoClipError | undefined {
  if (video.fault) return video.fault;
  if (event.type === "failure") return event.error;
  return video.writer ? undefined : noClips(event.path, event.info);
}

/** Whether the clips before the end of a video that stops early are kept. */
function keepsPartial({ code }: VideoClipError, { keepPartial = false, onError }: ExtractToFolderOptions): boolean {
  if (code === "ERR_VIDEO_TRUNCATED") return keepPartial || onError === "stop";
  return code === "ERR_VIDEO_CORRUPT" && (onError === "stop" || (keepPartial && onError !== "fail"));
}

function noClips(path: string, { broken }: VideoInfo): VideoError {
  if (broken) return new VideoError("ERR_VIDEO_CORRUPT", `${path}: every clip has broken data`, { file: path });
  return new VideoError("ERR_VIDEO_NO_FRAMES", `${path}: no frame was decoded`, { file: path });
}

/** An error that only the name of the video causes. @throws any other error */
function nameFault(error: unknown): VideoClipError {
  if (isNameFault(error)) return error;
  throw error;
}

/** Everything that features depend on: a folder holds one setting. */
function settingsOf(options: ExtractToFolderOptions): Record<string, unknown> {
  const { encoder, l2 = false, saveDtype = "f16", onError = "skip" } = options;
  const { model, output, dim, weightsHash, precision, preset } = encoder;
  return { model, output, dim, weights: weightsHash, precision, l2, dtype: saveDtype, preset, onError };
}

/** Maximum broken records that are reported individually. */
const MAX_REPORTED = 10;

function* notesOf(store: FeatureStore, plan: ResumePlan, known: boolean): Generator<string> {
  const { broken, records } = store;
  for (const { place, reason } of broken.slice(0, MAX_REPORTED))
    yield `${place}: ${reason}; its video is extracted again`;
  if (broken.length > MAX_REPORTED) yield `${broken.length - MAX_REPORTED} more records are broken`;
  if (plan.changed > 0) yield `${plan.changed} of the finished videos changed since, and are extracted again`;
  if (plan.moved > 0) yield `${plan.moved} of the finished videos were moved, and keep their features`;
  if (records.size > 0 && !known && plan.moved === 0)
    yield `none of the ${records.size} finished videos in ${store.folder} is among the inputs; were they moved and changed?`;
}
