import { VideoClipError, VideoError } from "../errors.js";
import type { VideoEncoder } from "../models/encoder.js";
import { openVideo as openVideoDefault } from "../video/index.js";
import type { Clip, DecoderName, OpenVideoFunction, VideoInfo } from "../video/types.js";
import { Channel } from "./channel.js";
import { expandInputs } from "./inputs.js";

export interface ExtractOptions {
  encoder: VideoEncoder;
  decoder?: DecoderName;
  /** Videos decoded at the same time. Default 2. */
  decoders?: number;
  /** Seconds that a decoder may give nothing before its video fails. Default: no limit. */
  timeout?: number;
  /** Divide each feature by its 2-norm. */
  l2?: boolean;
  signal?: AbortSignal;
  onProgress?: (progress: { clips: number; videos: number; failures: number; total: number }) => void;
  /** @internal for tests */
  openVideo?: OpenVideoFunction;
}

/** The feature of one clip. */
export interface ClipFeature {
  path: string;
  clip: number;
  /** Seconds. */
  start: number;
  end: number;
  paddedFrames: number;
  /** float32 `[dim]` */
  feature: Float32Array;
}

/** What happens during an extraction; the events of one video come in order, those of different videos interleave. */
export type ExtractEvent =
  | ({ type: "clip" } & ClipFeature)
  | { type: "end"; path: string; info: VideoInfo }
  | { type: "failure"; path: string; error: VideoClipError; info?: VideoInfo };

type Item = { type: "clip"; path: string; clip: Clip } | Exclude<ExtractEvent, { type: "clip" }>;

/**
 * Features of every clip of every input (files, folders, globs, manifests).
 * A video that cannot be decoded throws its `VideoError` after the clips before it; use `extractEvents` (or the command
 * `videoclip extract`) to go on with the rest.
 */
export async function* extract(inputs: readonly string[], options: ExtractOptions): AsyncGenerator<ClipFeature> {
  for await (const event of extractEvents(await expandInputs(inputs), options)) {
    if (event.type === "failure") throw event.error;
    if (event.type === "clip") {
      const { type: _, ...feature } = event;
      yield feature;
    }
  }
}

/**
 * Decodes several videos at a time, encodes batches across video boundaries and yields what happens. Memory is bounded:
 * decoders wait while two batches are queued. A row does not depend on its batch, so neither does any feature.
 */
export async function* extractEvents(paths: readonly string[], options: ExtractOptions): AsyncGenerator<ExtractEvent> {
  const { encoder, decoders = 2, signal } = options;
  signal?.throwIfAborted();
  const stop = new AbortController();
  const both = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const queue = new Channel<Item>(2 * encoder.batch);
  both.addEventListener("abort", () => queue.close(), { once: true });
  let next = 0;
  const work = async () => {
    while (next < paths.length && !both.aborted) await decode(paths[next++], options, both, queue);
  };
  const workers = Promise.all(Array.from({ length: Math.min(decoders, paths.length) }, work)).finally(() =>
    queue.close(),
  );
  workers.catch(() => {}); // awaited below

  const progress = { clips: 0, videos: 0, failures: 0, total: paths.length };
  const settle = (events: ExtractEvent[]) => {
    for (const event of events) {
      if (event.type === "clip") progress.clips++;
      else if (event.type === "end") progress.videos++;
      else progress.failures++;
    }
    return events;
  };
  // one batch waits in the device's queue while another is computed, so that gathering clips costs no time of its own
  let before: Promise<ExtractEvent[]> | undefined;
  try {
    for (let first = await queue.next(); first; first = await queue.next()) {
      const items = [first];
      let clips = first.type === "clip" ? 1 : 0;
      while (clips > 0 && clips < encoder.batch) {
        const item = await queue.next();
        if (!item) break;
        items.push(item);
        if (item.type === "clip") clips++;
      }
      signal?.throwIfAborted();
      const batch = encodeItems(items, clips, options);
      batch.catch(() => {}); // awaited a turn later
      if (before) {
        yield* settle(await before);
        options.onProgress?.({ ...progress });
      }
      before = batch;
    }
    if (before) {
      yield* settle(await before);
      options.onProgress?.({ ...progress });
    }
    signal?.throwIfAborted();
    await workers;
  } finally {
    stop.abort(new Error("extraction ended"));
    await workers.catch(() => {});
  }
}

async function encodeItems(
  items: Item[],
  clips: number,
  { encoder, l2, signal }: ExtractOptions,
): Promise<ExtractEvent[]> {
  const { frames, crop } = encoder.preset;
  const size = frames * crop * crop * 3;
  const input = new Uint8Array(clips * size);
  let row = 0;
  for (const item of items) if (item.type === "clip") input.set(item.clip.frames, size * row++);
  const features = clips > 0 ? await encoder.encode(input, clips, { signal }) : new Float32Array(0);
  row = 0;
  return items.map((item) => {
    if (item.type !== "clip") return item;
    const feature = features.slice(row * encoder.dim, ++row * encoder.dim);
    if (l2) normalize(feature);
    const { index, start, end, paddedFrames } = item.clip;
    return { type: "clip", path: item.path, clip: index, start, end, paddedFrames, feature };
  });
}

function normalize(feature: Float32Array): void {
  let sum = 0;
  for (const v of feature) sum += v * v;
  const scale = 1 / Math.max(Math.sqrt(sum), 1e-12);
  for (let i = 0; i < feature.length; i++) feature[i] *= scale;
}

/** Pushes the clips of one video, then its end or its failure. */
async function decode(path: string, options: ExtractOptions, signal: AbortSignal, queue: Channel<Item>): Promise<void> {
  const open = options.openVideo ?? openVideoDefault;
  const limit = new AbortController();
  const both = AbortSignal.any([signal, limit.signal]);
  let info: VideoInfo | undefined;
  try {
    const video = await watched(
      open(path, { preset: options.encoder.preset, decoder: options.decoder, signal: both }),
      path,
      options,
      limit,
    );
    try {
      const clips = video[Symbol.asyncIterator]();
      for (;;) {
        const step = await watched(clips.next(), path, options, limit);
        if (step.done) break;
        await queue.push({ type: "clip", path, clip: step.value });
        if (signal.aborted) return;
      }
    } finally {
      info = video.info; // complete only now
      await video.close();
    }
    await queue.push({ type: "end", path, info });
  } catch (error) {
    if (signal.aborted) return;
    const known =
      error instanceof VideoClipError
        ? error
        : new VideoError("ERR_VIDEO_DECODE", `${path}: ${error instanceof Error ? error.message : error}`, {
            file: path,
            cause: error,
          });
    await queue.push({ type: "failure", path, error: known, info });
  }
}

/** A promise that fails when nothing comes for `timeout` seconds. */
async function watched<T>(
  promise: Promise<T>,
  path: string,
  { timeout }: ExtractOptions,
  limit: AbortController,
): Promise<T> {
  if (!timeout) return promise;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new VideoError("ERR_VIDEO_TIMEOUT", `${path}: the decoder gave nothing for ${timeout} s`, {
        file: path,
      });
      limit.abort(error);
      reject(error);
    }, timeout * 1000);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
