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
