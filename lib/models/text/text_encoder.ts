import type { Rows } from "../encode_clips.js";

/** A frozen text encoder: sentences in, one row per sentence out. */
export interface TextEncoder {
  readonly model: string;
  /** Width of a row. */
  readonly dim: number;
  /** First 16 hex digits of the SHA-256 of the weight file, or `random:SEED`. */
  readonly weightsHash: string;
  /** @returns f32 `[texts.length, dim]` */
  encode(texts: readonly string[], options?: { signal?: AbortSignal | undefined }): Promise<Rows>;
  dispose(): void;
  [Symbol.dispose](): void;
}
