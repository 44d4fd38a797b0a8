import type { VideoClipError } from "../base/errors.js";
import { type ClipEncoder, encodeClips } from "../models/encode_clips.js";
import { decodeVideo } from "../video/index.js";
import { readClips } from "../video/read_clips.js";
import type { DecodeFunction, DecoderName, OnError, VideoInfo } from "../video/types.js";
import type { InputItem } from "./input_item.js";
import { findInputs } from "./inputs.js";

/** What happened so far: clips that were encoded, videos that ended well or failed, of how many. */
export interface ExtractProgress {
  clips: number;
  videos: number;
  failures: number;
  total: number;
}

export interface ExtractOptions {
  /** A `VideoEncoder`, or anything that makes rows of clips. */
  encoder: ClipEncoder;
  decoder?: DecoderName | undefined;
  /** Videos decoded at the same time. Default 2. */
  decoders?: number | undefined;
  /** Seconds that a decoder may give nothing before its video fails. Default: no limit. */
  timeout?: number | undefined;
  /** What happens at broken data of a video. Default `skip`: clips that touch them are left out. */
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

/** What happens during an extraction; the events of one video come in order, those of different videos interleave. */
export type ExtractEvent =
  | ({ type: "clip" } & ClipFeature)
  | { type: "end"; path: string; info: VideoInfo }
  | { type: "failure"; path: string; error: VideoClipError; info?: VideoInfo | undefined };

/**
 * Features of every clip of every input (files, folders, globs, lists).
 * A video that cannot be decoded throws its `VideoError` after the clips before it; use `extractToFolder` (or the command
 * `videoclip extract`) to go on with the rest.
 * @throws VideoError; InvalidArgumentError; the signal's reason
 */
export async function* extract(inputs: readonly string[], options: ExtractOptions): AsyncGenerator<ClipFeature> {
  const { items } = await findInputs(inputs);
  for await (const event of extractEvents(items, options)) {
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
 * @param items videos; one with an error fails with it, in its turn
 */
export async function* extractEvents(
  items: readonly InputItem[],
  options: ExtractOptions,
  decode: DecodeFunction = decodeVideo,
): AsyncGenerator<ExtractEvent> {
  const { encoder, decoder, decoders = 2, timeout, onError, l2, signal, onProgress } = options;
  const { preset } = encoder;
  const progress = { clips: 0, videos: 0, failures: 0, total: items.length };
  const paths = items.map(({ path }) => path);
  const events = encodeClips(
    (reading) =>
      readClips(paths, { preset, decoder, decoders, timeout, onError, ...reading }, unlessKnown(items, decode)),
    encoder,
    { signal },
  );
  for await (const event of events) {
    if (event.type === "open") continue;
    if (event.type === "clip") {
      const { path, clip, row } = event;
      const feature = row.slice(); // memory of its own: the batch's is not kept for the sake of one row
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

/** Opens videos, but for those that are known to fail. */
function unlessKnown(items: readonly InputItem[], open: DecodeFunction): DecodeFunction {
  const known = new Map(items.flatMap(({ path, error }) => (error ? [[path, error]] : [])));
  return async (path, options) => {
    const error = known.get(path);
    if (error) throw error;
    return open(path, options);
  };
}

function normalize(feature: Float32Array): void {
  let sum = 0;
  for (const v of feature) sum += v * v;
  const scale = 1 / Math.max(Math.sqrt(sum), 1e-12);
  for (let i = 0; i < feature.length; i++) feature[i] *= scale;
}
