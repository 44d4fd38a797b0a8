import type { Rows } from "../encode_clips.js";

/** A frozen text encoder: maps each sentence to a row. */
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
