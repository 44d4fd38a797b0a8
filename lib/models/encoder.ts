import type { DeviceOptions, Precision } from "../device.js";
import type { Preset } from "../video/types.js";
import type { VideoModelName } from "./video_models.js";

/** A frozen video encoder as bulk extraction sees it: u8 RGB clips in, one float32 row per clip out. */
export interface VideoEncoder {
  readonly model: VideoModelName;
  /** The output that `encode` returns, such as `mixed_5c` or `features`, and its width. */
  readonly output: string;
  readonly dim: number;
  readonly device: string;
  readonly precision: Precision;
  readonly preset: Preset;
  /** First 16 hex digits of the SHA-256 of the weight file, or `random:SEED`. */
  readonly weightsHash: string;
  /** Clips that one program takes; `encode` pads the last batch. */
  readonly batch: number;
  /**
   * @param clips u8, `[n, T, H, W, 3]` row-major with `T = preset.frames`, `H = W = preset.crop`, `1 <= n <= batch`
   * @returns float32 `[n, dim]`
   */
  encode(clips: Uint8Array, n: number, options?: { signal?: AbortSignal }): Promise<Float32Array>;
  dispose(): void;
}

export interface VideoEncoderOptions {
  model: VideoModelName;
  /** Path of a weight file. */
  weights?: string;
  /** Use generated weights instead of a file (for trying things out). */
  randomWeights?: number;
  preset: Preset;
  /**
   * S3D: `mixed_5c` (1024, the default), `logits` (400, s3d), `video_embedding` (512, s3dg). X3D: `features` (2048, the
   * default), `conv_5` (432), `logits` (400), `probabilities` (400, averaged over positions as the weights' publisher does).
   */
  output?: string;
  device?: DeviceOptions["device"];
  /** Arithmetic of convolutions: `f32`, or `bf16` where the processor has it. Default `f32`. */
  precision?: Precision;
  threads?: number;
  /** Clips per program, or `auto`. */
  batch?: number | "auto";
}

/** A frozen text encoder: sentences in, one float32 row per sentence out. */
export interface TextEncoder {
  readonly model: string;
  readonly dim: number;
  /** First 16 hex digits of the SHA-256 of the weight file, or `random:SEED`. */
  readonly weightsHash: string;
  /** @returns float32 `[texts.length, dim]` */
  encode(texts: readonly string[], options?: { signal?: AbortSignal }): Promise<Float32Array>;
  dispose(): void;
}

export interface S3DTextEncoderOptions {
  /** Path of the S3D-G checkpoint (`s3d_howto100m.pth`). */
  weights?: string;
  /** Use generated weights instead of a file (for trying things out). */
  randomWeights?: number;
  /** Path of the word list that belongs to it (`s3d_dict.npy`), or the words in order. */
  vocabulary: string | readonly string[];
  /** Words of a sentence that count. Default 16, as the checkpoint was trained. */
  words?: number;
  device?: DeviceOptions["device"];
  threads?: number;
}
