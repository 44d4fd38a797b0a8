import { join } from "node:path";
import { VideoClipError, VideoError } from "../base/errors.js";
import type { ManifestEntry, SourceFacts } from "../records/feature_manifest.js";
import type { ClipEncoder } from "../models/encode_clips.js";
import type { VideoEncoder } from "../models/video/video_encoder.js";
import type { VideoInfo } from "../video/types.js";
import { type ExtractEvent, extractEvents, type ExtractOptions, type InputItems } from "./extract.js";
import { Grouped } from "./grouped.js";
import type { InputRoot } from "./inputs/find_inputs.js";
import type { FailureEntry } from "../records/failure_index.js";
import { VideoSources } from "./remote/video_sources.js";
import { type FeatureStore, FeatureWriter } from "./store.js";
import { isNameFault, surroundingFault } from "./surroundings.js";

export interface SaveOptions extends ExtractOptions {
  /** A `VideoEncoder`, or another encoder of clips with the facts for the manifest. */
  encoder: ClipEncoder & Pick<VideoEncoder, "model" | "output" | "weightsHash" | "precision">;
  /** Default f16. */
  saveDtype?: "f32" | "f16" | undefined;
  /**
   * Record the SHA-256 of each video, by which touched or moved files are recognised with certainty. It costs one more
   * read of the file.
   */
  hash?: boolean | undefined;
  /** Keep the features of a video that stops early; its manifest entry has `partial`. `onError: "stop"` implies it. */
  keepPartial?: boolean | undefined;
  /** Called for each event, once its data are saved. */
  onEvent?: ((event: ExtractEvent) => void) | undefined;
}

/** Numbers of saved videos and clips, which a run counts up. */
export interface SavedCounts {
  videos: number;
  clips: number;
  failures: number;
  /** Number of videos with broken data, whose clips were left out. */
  broken: number;
}

/** Where features are saved. */
export interface SaveTarget {
  store: FeatureStore;
  /** The name of the feature file of a video. */
  nameOf(path: string): string;
  /** Everything that the features depend on: see `settingsOf`. */
  settings: Record<string, unknown>;
  /** Folders of the inputs, which must not disappear. */
  roots: readonly InputRoot[];
  counts: SavedCounts;
  /**
   * Whether other writers of the folder may save the same videos meanwhile. A video that another one has saved is
   * compared, and not saved again.
   */
  isShared?: boolean | undefined;
  /** Opens the videos. Default: made for this call. */
  sources?: VideoSources | undefined;
}

/** A target whose sources are known. */
type OpenTarget = SaveTarget & { sources: VideoSources };

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

/**
 * Extracts the features of videos into a store. A fault of one video becomes its failure; a fault that concerns all
 * videos ends the work, after finished videos are saved.
 * @throws VideoClipError `ERR_WRITE`; VideoError `ERR_INPUTS_LOST`, `ERR_DECODER_MISSING`; the signal's reason
 */
export async function saveVideos(items: InputItems, target: SaveTarget, options: SaveOptions): Promise<void> {
  const sources = target.sources ?? new VideoSources(options);
  try {
    await saveFrom(items, { ...target, sources }, options);
  } finally {
    if (!target.sources) sources.dispose();
  }
}

async function saveFrom(items: InputItems, target: OpenTarget, options: SaveOptions): Promise<void> {
  const { store, roots, counts, sources } = target;
  const { encoder, saveDtype = "f16" } = options;
  const open = new Map<string, OpenVideo>();
  const ended = new Grouped<EndedVideo>(
    async (group) => {
      await saveGroup(group, target, options);
      for (const { event } of group) {
        open.delete(event.path);
        sources.forget(event.path);
      }
    },
    SAVED_TOGETHER,
    store.pause,
  );
  try {
    for await (const event of extractEvents(items, options, sources)) {
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
        video.source = await sources.facts(path);
        open.set(path, video);
      }
      if (video.fault) continue;
      try {
        video.writer ??= new FeatureWriter(store, target.nameOf(path), encoder.dim, saveDtype);
        video.writer.add(event.feature, event.start, event.end, event.paddedFrames);
        counts.clips++;
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
async function saveGroup(group: readonly EndedVideo[], target: OpenTarget, options: SaveOptions): Promise<void> {
  const { store, settings, counts, sources } = target;
  const { hash = false } = options;
  const whole = group.filter(({ event, video }) => {
    const isKept = event.type === "end" || keepsPartial(event.error, options);
    return isKept && video.writer && !video.fault;
  });
  const twice = target.isShared ? await savedByOthers(whole, store) : new Set();
  const kept = whole.filter((one) => !twice.has(one));
  const faults = await FeatureWriter.finishAll(kept.map(({ video }) => video.writer!));
  kept.forEach(({ video }, i) => (video.fault = faults[i] as VideoClipError | undefined));
  const entries = kept.map(async ({ event, video }): Promise<ManifestEntry[]> => {
    const { writer, fault } = video;
    if (!writer || fault) return [];
    const { path } = event;
    const source = video.source && (await sources.withContent(path, video.source, hash));
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
    const source = video.source ?? (await sources.facts(path)) ?? null;
    return [{ path, code, reason: message, time: details.time, source, failed_at: new Date().toISOString() }];
  });
  await store.add((await Promise.all(entries)).flat(), foreign ? [] : (await Promise.all(failures)).flat());
  if (foreign) throw foreign;
  for (const { event, video } of group) {
    const error = errorOf({ event, video });
    if (video.fault || event.type === "failure") video.writer?.discard();
    counts[error ? "failures" : "videos"]++;
    if (!error && event.info?.broken) counts.broken++;
    const { path, info } = event;
    options.onEvent?.(error && event.type === "end" ? { type: "failure", path, error, info } : event);
  }
}

/**
 * Videos that other writers have saved since.
 * @throws VideoClipError `ERR_RESULTS_DIFFER` for other features than theirs
 */
async function savedByOthers(videos: readonly EndedVideo[], store: FeatureStore): Promise<Set<EndedVideo>> {
  await store.refresh();
  const saved = new Set<EndedVideo>();
  for (const one of videos) {
    const { path } = one.event;
    const record = store.records.get(path);
    if (!record || record.partial) continue; // a partial one is replaced
    if (!one.video.writer!.equals(join(store.folder, record.file))) {
      const file = join(store.folder, record.file);
      const message = `${path}: two writers made different features: this one (${store.part || "manifest.jsonl"}), and the one of ${record.manifest}`;
      throw new VideoClipError("ERR_RESULTS_DIFFER", message, { file });
    }
    one.video.writer!.discard();
    saved.add(one);
  }
  return saved;
}

/** The reason why a video counts as failed; also for a partial one, whose features are kept. */
function errorOf({ event, video }: EndedVideo): VideoClipError | undefined {
  if (video.fault) return video.fault;
  if (event.type === "failure") return event.error;
  return video.writer ? undefined : noClips(event.path, event.info);
}

/** Whether the clips before the end of a video that stops early are kept. */
function keepsPartial({ code }: VideoClipError, { keepPartial = false, onError }: SaveOptions): boolean {
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
export function settingsOf(options: SaveOptions): Record<string, unknown> {
  const { encoder, l2 = false, saveDtype = "f16", onError = "skip" } = options;
  const { model, output, dim, weightsHash, precision, preset } = encoder;
  return { model, output, dim, weights: weightsHash, precision, l2, dtype: saveDtype, preset, onError };
}
