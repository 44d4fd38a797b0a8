import type { ClipMemory } from "./clip_memory.js";

/** How a preset fits clips that are shorter than its frame count. */
export type PadMode = "zero" | "repeat";

/** Where a square is cut out of a frame. */
export type CropPosition = "low" | "center" | "high";

/** How frames become the model's input. Every field is documented in the README's table of presets. */
export interface Preset {
  name: string;
  /** Frames per second after sampling by timestamp. */
  fps: number;
  /** Frames per clip. */
  frames: number;
  /** Frames between the starts of neighbouring clips; `frames` means no overlap. */
  stride: number;
  /** `short`: the shorter side becomes `resize` (aspect ratio kept); `exact`: both sides become `resize`. */
  resizeMode: "short" | "exact";
  resize: number;
  interpolation: "bilinear" | "bicubic" | "area";
  /** Side of the square crop. */
  crop: number;
  /**
   * Where the crop lies along the longer side: `low` is left or top, `high` right or bottom; across it, in the middle. Default
   * `center`. Evaluation with three crops takes all of them.
   */
  cropPosition?: CropPosition | undefined;
  /** `x = (u8 / 255 - mean) / std` per RGB channel. */
  mean: [number, number, number];
  std: [number, number, number];
  pad: PadMode;
}

/** One clip: `frames` is u8 RGB, `[T, H, W, 3]` row-major, cropped to `H = W = preset.crop`. */
export interface Clip {
  index: number;
  /** Start and end in seconds on the video's own time line. */
  start: number;
  end: number;
  frames: Uint8Array;
  /** Trailing frames that do not come from the video. */
  paddedFrames: number;
}

export interface VideoInfo {
  path: string;
  /** Seconds, from decoded timestamps once the stream has ended, from the container before. */
  duration: number;
  width: number;
  height: number;
  codec: string;
  pixelFormat: string;
  /** Degrees that were applied: 0, 90, 180 or 270. */
  rotation: number;
  /** Frames decoded so far. */
  framesDecoded: number;
}

export type DecoderName = "auto" | "node-av" | "ffmpeg";

export interface OpenVideoOptions {
  preset: Preset;
  /** Default `auto`: node-av where it is installed, else the ffmpeg program. */
  decoder?: DecoderName | undefined;
  /** Decoder threads per video. Default 1. */
  threads?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** What a decoder is given by the package itself. @internal */
export interface DecodeOptions extends OpenVideoOptions {
  /** Where clips are written. Default: each into memory of its own, which the caller may keep. */
  memory?: ClipMemory | undefined;
}

/**
 * A video being decoded. Iterate it once for its clips; decoding runs off the main thread behind a bounded queue.
 * Errors are `VideoError`s with path, reason and (where known) time; a stream that ends early (truncated data) throws
 * `ERR_VIDEO_TRUNCATED` *after* the clips decoded before it were yielded.
 */
export interface OpenVideo extends AsyncIterable<Clip> {
  readonly info: VideoInfo;
  close(): Promise<void>;
}

/** `openVideo(path, options)` in `lib/video/index.ts`. */
export type OpenVideoFunction = (path: string, options: OpenVideoOptions) => Promise<OpenVideo>;

/** What the package decodes with: `openVideo`, or what a test puts in its place. @internal */
export type DecodeFunction = (path: string, options: DecodeOptions) => Promise<OpenVideo>;
