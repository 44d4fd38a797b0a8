import type { VideoClipError } from "../base/errors.js";
import { type ClipEncoder, encodeClips } from "../models/encode_clips.js";
import { readClips } from "../video/read_clips.js";
import type { DecodeFunction, DecoderName, OnError, VideoInfo } from "../video/types.js";
import type { InputItem } from "./inputs/input_item.js";
import { findInputs } from "./inputs/find_inputs.js";
import { type StorageOptions, VideoSources } from "./remote/video_sources.js";

/** Progress of an extraction: encoded clips, finished and failed videos, and the total. */
export interface ExtractProgress {
  clips: number;
  videos: number;
  failures: number;
  total: number;
}

export interface ExtractOptions extends StorageOptions {
  /** A `VideoEncoder`, or another encoder of clips. */
  encoder: ClipEncoder;
  decoder?: DecoderName | undefined;
  /** Videos decoded at the same time. Default 2. */
  decoders?: number | undefined;
  /** Seconds without a frame after which a video fails. Default: no limit. */
  timeout?: number | undefined;
  /** Treatment of broken data in a video. Default `skip`: clips with broken data are left out. */
  onError?: OnError | undefined;
  /** Divide each feature by its 2-norm. */
  l2?: boolean | undefined;
  signal?: AbortSignal | undefined;
  /** Called after each clip and each video. */
  onProgress?: ((progress: ExtractProgress) => void) | undefined;
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

/** An event of an extraction. The events of one video are in order; those of different videos interleave. */
export type ExtractEvent =
  | ({ type: "clip" } & ClipFeature)
  | { type: "end"; path: string; info: VideoInfo }
  | { type: "failure"; path: string; error: VideoClipError; info?: VideoInfo | undefined };

/**
 * Features of every clip of every input (files, folders, globs, lists, `s3://` and `https://` addresses). A video that cannot be decoded throws its
 * `VideoError` after the clips before it; use `extractToFolder` (or the command `videoclip extract`) to continue with
 * the others.
 * @throws VideoError; InvalidArgumentError; StorageError; the signal's reason
 */
export async function* extract(inputs: readonly string[], options: ExtractOptions): AsyncGenerator<ClipFeature> {
  const sources = new VideoSources(options);
  try {
    const { items } = await findInputs(inputs, sources, options.signal);
    for await (const event of extractEvents(items, options, sources)) {
      if (event.type !== "clip") sources.forget(event.path);
      if (event.type === "failure") throw event.error;
      if (event.type === "clip") {
        const { type: _, ...feature } = event;
        yield feature;
      }
    }
  } finally {
    sources.dispose();
  }
}

/** Videos, or a source of them: the next one is taken when a decoder is free. */
export type InputItems = readonly InputItem[] | AsyncIterable<InputItem>;

/**
 * Decodes several videos at a time, encodes batches across videos and yields events. Memory is bounded: decoders wait
 * while two batches are queued. A row, and so a feature, does not depend on its batch. A source of items must not wait
 * for the results of earlier ones: their clips may wait for a full batch.
 * @param items videos; an item with an error fails with it, in its turn
 */
export async function* extractEvents(
  items: InputItems,
  options: ExtractOptions,
  sources: VideoSources,
): AsyncGenerator<ExtractEvent> {
  const { encoder, decoder, decoders = 2, timeout, onError, l2, signal, onProgress } = options;
  const { preset } = encoder;
  const progress = { clips: 0, videos: 0, failures: 0, total: 0 };
  if (Array.isArray(items)) progress.total = items.length;
  const known = new Map<string, VideoClipError>();
  async function* counted() {
    for await (const item of items) {
      if (!Array.isArray(items)) progress.total++;
      yield item;
    }
  }
  async function* paths() {
    for await (const { path, error } of sources.ahead(counted(), signal)) {
      if (error) known.set(path, error);
      yield path;
    }
  }
  const events = encodeClips(
    (reading) =>
      readClips(
        paths(),
        { preset, decoder, decoders, timeout, onError, ...reading },
        unlessKnown(known, sources.decode),
      ),
    encoder,
    { signal },
  );
  for await (const event of events) {
    if (event.type === "open") continue;
    if (event.type === "clip") {
      const { path, clip, row } = event;
      const feature = row.slice(); // a copy, so that one row does not keep the memory of the whole batch
      if (l2) normalize(feature);
      const { index, start, end, paddedFrames } = clip;
      progress.clips++;
      yield { type: "clip", path, clip: index, start, end, paddedFrames, feature };
    } else {
      progress[event.type === "end" ? "videos" : "failures"]++;
      yield event;
    }
    onProgress?.({ ...progress });
  }
}

/** Opens videos, except those that are known to fail. */
function unlessKnown(known: Map<string, VideoClipError>, open: DecodeFunction): DecodeFunction {
  return async (path, options) => {
    const error = known.get(path);
    if (!error) return open(path, options);
    known.delete(path);
    throw error;
  };
}

function normalize(feature: Float32Array): void {
  let sum = 0;
  for (const v of feature) sum += v * v;
  const scale = 1 / Math.max(Math.sqrt(sum), 1e-12);
  for (let i = 0; i < feature.length; i++) feature[i] *= scale;
}
