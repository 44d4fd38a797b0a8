import type { ClipMemory } from "./clips/clip_memory.js";

/**
 * Padding of a clip with too few frames: black (`zero`), its last frame (`repeat`), or its frames spread evenly over
 * the clip (`spread`, for the time rule `linspace` alone).
 */
export type PadMode = "zero" | "repeat" | "spread";

/** Position of a square crop in a frame. */
export type CropPosition = "low" | "center" | "high";

/**
 * The rule that chooses the decoded frames of a clip.
 *
 * - `nearest`: by time, as ffmpeg's filter `fps=round=near`.
 * - `index-floor`: by number, ignoring time stamps: frame `floor(k * rate / fps)`, as torchvision's `VideoClips`.
 * - `linspace`: evenly from the first to the last of the frames within the clip's time, as PyTorchVideo.
 * - `linspace-nominal`: evenly over the number of frames that a clip should have at the average rate, as SlowFast.
 */
export type TimeRule = "nearest" | "index-floor" | "linspace" | "linspace-nominal";

/** How frames become the model's input. docs/presets.md lists the pipelines that the fields describe. */
export interface Preset {
  name: string;
  /** Frames per second after sampling. */
  fps: number;
  /** Frames per clip. */
  frames: number;
  /** Frames between the starts of neighbouring clips; `frames` means no overlap. */
  stride: number;
  /** Default `nearest`. */
  timeRule?: TimeRule | undefined;
  /**
   * Time 0 of the rules that use time: the first frame, or the start of the container, which is earlier if sound begins
   * before the picture. Default `first-frame`.
   */
  timeZero?: "first-frame" | "container" | undefined;
  /** `short`: the shorter side becomes `resize` (aspect ratio kept); `exact`: both sides become `resize`. */
  resizeMode: "short" | "exact";
  resize: number;
  /**
   * Rounding of the longer side for `resizeMode` `short`: truncated (`trunc`), truncated after `w / h * resize` in
   * double precision (`ratio`), truncated after `w * (resize / h)` with pixels sampled at that factor (`factor`), or to
   * the nearest (`round`). Default `trunc`.
   */
  sideRounding?: "trunc" | "ratio" | "factor" | "round" | undefined;
  interpolation: "bilinear" | "bicubic" | "area";
  /**
   * `swscale`: FFmpeg's scaler, which widens its kernel when it shrinks (antialiasing). `two-tap`: two pixels along
   * each axis in float32 for any factor, as PyTorch's `interpolate` without antialiasing; bilinear only. Default
   * `swscale`.
   */
  scaler?: "swscale" | "two-tap" | undefined;
  /**
   * `accurate`: rounded and with interpolated chroma. `plain`: FFmpeg's default, as in the published pipelines.
   * `plain-bt601`: the same with BT.601, whatever matrix the video has. Default `accurate`.
   */
  conversion?: "accurate" | "plain" | "plain-bt601" | undefined;
  /** `crop-resize`: the square of the shorter side is cropped first and then resized. Default `resize-crop`. */
  order?: "resize-crop" | "crop-resize" | undefined;
  /** Side of the square crop. */
  crop: number;
  /** Rounding of the offset of a centred crop. Default `trunc`. */
  cropRounding?: "trunc" | "half-even" | "ceil" | undefined;
  /**
   * Position of the crop along the longer side: `low` is left or top, `high` right or bottom. It is centred along the
   * shorter side. Default `center`. Evaluation with three crops uses all of them.
   */
  cropPosition?: CropPosition | undefined;
  /** `x = (u8 / 255 - mean) / std` per RGB channel. */
  mean: [number, number, number];
  std: [number, number, number];
  pad: PadMode;
  /** `tonemap`: HDR (PQ and HLG) becomes SDR by BT.2390; `keep`: its values are used unchanged. Default `tonemap`. */
  hdr?: "tonemap" | "keep" | undefined;
}

/** One clip: `frames` is u8 RGB, `[T, H, W, 3]` row-major, cropped to `H = W = preset.crop`. */
export interface Clip {
  index: number;
  /** Start and end in seconds after the start of the container, the video's time line. */
  start: number;
  end: number;
  frames: Uint8Array;
  /** Number of trailing frames that are padding. */
  paddedFrames: number;
}

export interface VideoInfo {
  path: string;
  /**
   * End of the time line of clips in seconds: from decoded time stamps once the stream has ended, before that from the
   * container.
   */
  duration: number;
  width: number;
  height: number;
  codec: string;
  pixelFormat: string;
  /** Clockwise rotation in degrees that makes frames upright: 0, 90, 180 or 270. */
  rotation: number;
  /** Whether frames are mirrored left to right before the rotation. */
  mirrored: boolean;
  /** For HDR: its transfer and treatment, such as `pq, tone-mapped` or `hlg, kept`. */
  hdr?: string | undefined;
  /**
   * Of a raw stream (`.h264`, `.m2v`, ...), which has no time stamps: the frames a second that its times are counted by. They are those that
   * its headers name, else 25, which FFmpeg assumes.
   */
  assumedFps?: number | undefined;
  /** Frames decoded so far. */
  framesDecoded: number;
  /**
   * `[start, end]` in seconds of each part with broken or missing data, which no clip contains. Absent if there is
   * none.
   */
  broken?: [number, number][] | undefined;
}

/**
 * Treatment of a frame with broken or missing data. `skip`: clips with it, or with frames that are predicted from it,
 * are left out and listed in `VideoInfo.broken`. `stop` and `fail`: the video ends there with `ERR_VIDEO_CORRUPT`; an
 * extraction keeps the earlier clips as a partial record with `stop`, and nothing with `fail`.
 */
export type OnError = "skip" | "stop" | "fail";

export type DecoderName = "auto" | "node-av" | "ffmpeg";

export interface OpenVideoOptions {
  preset: Preset;
  /** Default `auto`: node-av if it is installed, otherwise the ffmpeg program. */
  decoder?: DecoderName | undefined;
  /** Decoder threads per video. Default 1. */
  threads?: number | undefined;
  /** Default `skip`. */
  onError?: OnError | undefined;
  signal?: AbortSignal | undefined;
}

/** Options of a decoder within the package. @internal */
export interface DecodeOptions extends OpenVideoOptions {
  /** The pool for the memory of clips. Default: new memory for each clip, which the caller may keep. */
  memory?: ClipMemory | undefined;
  /** Pictures of more pixels are not decoded. Default: FFmpeg's limit. */
  maxPixels?: number | undefined;
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

/** The package's function for decoding: `openVideo`, or a replacement in tests. @internal */
export type DecodeFunction = (path: string, options: DecodeOptions) => Promise<OpenVideo>;
