/** Bytes of a clip: `[T, H, W, 3]` with `T = frames`, `H = W = crop`. */
export function clipBytes({ frames, crop }: { frames: number; crop: number }): number {
  return frames * crop * crop * 3;
}

/**
 * A pool of memory for clips, because new memory costs a page fault for every 4 KiB. It is shared with the decoder's
 * worker, which writes clips where the engine reads them.
 */
export class ClipMemory {
  #free: Uint8Array[] = [];

  /** @param bytes per clip */
  constructor(readonly bytes: number) {}

  /** Memory for a clip; it may contain an earlier one. */
  take(): Uint8Array {
    return this.#free.pop() ?? new Uint8Array(new SharedArrayBuffer(this.bytes));
  }

  /** Returns memory that is no longer in use to the pool. Other memory is left to the garbage collector. */
  give(frames: Uint8Array): void {
    if (frames.buffer instanceof SharedArrayBuffer && frames.length === this.bytes) this.#free.push(frames);
  }
}
