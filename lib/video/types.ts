import type { ClipMemory } from "./clips/clip_memory.js";

/**
 * What fills a clip that has too few frames: black (`zero`), its last frame (`repeat`), or the frames there are, spread
 * evenly over the clip (`spread`, for the time rule `linspace` alone).
 */
export type PadMode = "zero" | "repeat" | "spread";

/** Where a square is cut out of a frame. */
export type CropPosition = "low" | "center" | "high";

/**
 * Which decoded frames make a clip.
 *
 * - `nearest`: by time, as ffmpeg's filter `fps=round=near`.
 * - `index-floor`: by number, whatever the time stamps say: frame `floor(k * rate / fps)`, as torchvision's `VideoClips`.
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
   * What lies at time 0 of the rules that go by time: the first frame, or the start of the container, which is earlier where
   * sound begins before the picture. Default `first-frame`.
   */
  timeZero?: "first-frame" | "container" | undefined;
  /** `short`: the shorter side becomes `resize` (aspect ratio kept); `exact`: both sides become `resize`. */
  resizeMode: "short" | "exact";
  resize: number;
  /**
   * How the longer side is rounded where `resizeMode` is `short`: cut (`trunc`), cut after `w / h * resize` in double precision
   * (`ratio`), cut after `w * (resize / h)` with pixels taken at that factor (`factor`), or to the nearest (`round`).
   * Default `trunc`.
   */
  sideRounding?: "trunc" | "ratio" | "factor" | "round" | undefined;
  interpolation: "bilinear" | "bicubic" | "area";
  /**
   * `swscale`: FFmpeg's scaler, which widens its kernel when it shrinks (antialiasing). `two-tap`: two pixels along each axis
   * in float32, whatever the factor, as PyTorch's `interpolate` without antialiasing; bilinear alone. Default `swscale`.
   */
  scaler?: "swscale" | "two-tap" | undefined;
  /**
   * `accurate`: rounded and with interpolated chroma. `plain`: what FFmpeg does unless told otherwise, as the published
   * pipelines did. `plain-bt601`: the same by BT.601, whatever matrix the video names. Default `accurate`.
   */
  conversion?: "accurate" | "plain" | "plain-bt601" | undefined;
  /** `crop-resize`: the square of the shorter side is cut out first and then resized. Default `resize-crop`. */
  order?: "resize-crop" | "crop-resize" | undefined;
  /** Side of the square crop. */
  crop: number;
  /** How the offset of a crop in the middle is rounded. Default `trunc`. */
  cropRounding?: "trunc" | "half-even" | "ceil" | undefined;
  /**
   * Where the crop lies along the longer side: `low` is left or top, `high` right or bottom; across it, in the middle. Default
   * `center`. Evaluation with three crops takes all of them.
   */
  cropPosition?: CropPosition | undefined;
  /** `x = (u8 / 255 - mean) / std` per RGB channel. */
  mean: [number, number, number];
  std: [number, number, number];
  pad: PadMode;
  /** `tonemap`: HDR (PQ and HLG) becomes SDR by BT.2390; `keep`: its values are taken as stored. Default `tonemap`. */
  hdr?: "tonemap" | "keep" | undefined;
}

/** One clip: `frames` is u8 RGB, `[T, H, W, 3]` row-major, cropped to `H = W = preset.crop`. */
export interface Clip {
  index: number;
  /** Start and end in seconds after the start of the container: the video's own time line. */
  start: number;
  end: number;
  frames: Uint8Array;
  /** Trailing frames that do not come from the video. */
  paddedFrames: number;
}

export interface VideoInfo {
  path: string;
  /** End of the time line of clips in seconds: from decoded time stamps once the stream has ended, from the container before. */
  duration: number;
  width: number;
  height: number;
  codec: string;
  pixelFormat: string;
  /** Degrees clockwise that frames are turned by to be upright: 0, 90, 180 or 270. */
  rotation: number;
  /** Whether frames are mirrored left to right before they are turned. */
  mirrored: boolean;
  /** Of HDR: its transfer and what became of it, such as `pq, tone-mapped` or `hlg, kept`. */
  hdr?: string | undefined;
  /** Frames decoded so far. */
  framesDecoded: number;
  /** `[start, end]` in seconds of each part whose data are broken or missing: no clip touches one. Absent where all is whole. */
  broken?: [number, number][] | undefined;
}

/**
 * What happens at a frame whose data are broken or missing. `skip`: clips that touch it, or frames that are predicted from it, are left
 * out, and `VideoInfo.broken` says where. `stop` and `fail`: the video ends there with `ERR_VIDEO_CORRUPT`; an extraction keeps what came
 * before as a partial record with `stop`, and nothing with `fail`.
 */
export type OnError = "skip" | "stop" | "fail";

export type DecoderName = "auto" | "node-av" | "ffmpeg";

export interface OpenVideoOptions {
  preset: Preset;
  /** Default `auto`: node-av where it is installed, else the ffmpeg program. */
  decoder?: DecoderName | undefined;
  /** Decoder threads per video. Default 1. */
  threads?: number | undefined;
  /** Default `skip`. */
  onError?: OnError | undefined;
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
