import { VideoClipError, VideoError } from "../base/errors.js";
import { followSignal } from "../base/follow_signal.js";
import { Channel } from "./decode/channel.js";
import type { ClipMemory } from "./clips/clip_memory.js";
import { decodeVideo } from "./index.js";
import type { Clip, DecodeFunction, DecoderName, OnError, Preset, VideoInfo } from "./types.js";

/** Options for reading videos. */
export interface ReadClipsOptions {
  preset: Preset;
  decoder?: DecoderName | undefined;
  /** Videos decoded at the same time. Default 1. */
  decoders?: number | undefined;
  /** Seconds without a frame after which a video fails. Default: no limit. */
  timeout?: number | undefined;
  /** Default `skip`. */
  onError?: OnError | undefined;
  /** Pictures of more pixels are not decoded. Default: FFmpeg's limit. */
  maxPixels?: number | undefined;
  signal?: AbortSignal | undefined;
  /** Maximum clips that wait for the reader. */
  waiting: number;
  memory?: ClipMemory | undefined;
}

/** An event of reading videos. The events of one video are in this order; those of different videos interleave. */
export type VideoEvent =
  | { type: "open"; path: string; info: VideoInfo }
  | { type: "clip"; path: string; clip: Clip }
  | { type: "end"; path: string; info: VideoInfo }
  | { type: "failure"; path: string; error: VideoClipError; info?: VideoInfo | undefined };

/**
 * Decodes videos, several at a time. A video that cannot be decoded ends with `failure`, and the others continue.
 * Decoders wait while `waiting` clips are unread, and stop when the reader leaves.
 * @param paths the next path is taken when a decoder is free
 * @throws the signal's reason; errors of `paths`
 */
export async function* readClips(
  paths: Iterable<string> | AsyncIterable<string>,
  options: ReadClipsOptions,
  decode: DecodeFunction = decodeVideo,
): AsyncGenerator<VideoEvent> {
  const { decoders = 1, signal } = options;
  signal?.throwIfAborted();
  const stop = new AbortController();
  const unfollow = followSignal(stop, signal);
  const both = stop.signal;
  const queue = new Channel<VideoEvent>(options.waiting);
  both.addEventListener("abort", () => queue.close(), { once: true });
  const source = each(paths); // a generator, whose calls of `next` wait for each other
  const work = async () => {
    while (!both.aborted) {
      const step = await source.next();
      if (step.done || both.aborted) return;
      await readVideo(step.value, options, both, queue, decode);
    }
  };
  const workers = Promise.all(Array.from({ length: decoders }, work)).finally(() => queue.close());
  workers.catch(() => {}); // awaited below
  try {
    for (let event = await queue.next(); event; event = await queue.next()) {
      signal?.throwIfAborted();
      yield event;
    }
    signal?.throwIfAborted();
    await workers;
  } finally {
    unfollow();
    stop.abort(new Error("the reader of videos has stopped"));
    await workers.catch(() => {});
    await source.return(undefined);
  }
}

async function* each<T>(values: Iterable<T> | AsyncIterable<T>): AsyncGenerator<T, undefined> {
  yield* values;
}

/** Pushes the events of one video. */
async function readVideo(
  path: string,
  { preset, decoder, memory, timeout, onError, maxPixels }: ReadClipsOptions,
  signal: AbortSignal,
  queue: Channel<VideoEvent>,
  decode: DecodeFunction,
): Promise<void> {
  const limit = new AbortController();
  const unfollow = followSignal(limit, signal);
  const both = limit.signal;
  const watched = <T>(promise: Promise<T>) => inTime(promise, path, timeout, limit);
  let info: VideoInfo | undefined;
  try {
    const video = await watched(decode(path, { preset, decoder, memory, onError, maxPixels, signal: both }));
    try {
      await queue.push({ type: "open", path, info: video.info });
      const clips = video[Symbol.asyncIterator]();
      for (let step = await watched(clips.next()); !step.done; step = await watched(clips.next())) {
        await queue.push({ type: "clip", path, clip: step.value });
        if (signal.aborted) return;
      }
    } finally {
      info = video.info; // complete only at the end of the stream
      await video.close();
    }
    await queue.push({ type: "end", path, info });
  } catch (cause) {
    if (signal.aborted) return;
    await queue.push({ type: "failure", path, error: videoFailure(path, cause), info });
  } finally {
    unfollow();
  }
}

function videoFailure(path: string, cause: unknown): VideoClipError {
  if (cause instanceof VideoClipError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new VideoError("ERR_VIDEO_DECODE", `${path}: ${reason}`, { file: path, cause });
}

/** The result of a promise, or an error when it takes more than `timeout` seconds, which also aborts `limit`. */
async function inTime<T>(
  promise: Promise<T>,
  path: string,
  timeout: number | undefined,
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
