/** Bytes of a clip: `[T, H, W, 3]` with `T = frames`, `H = W = crop`. */
export function clipBytes({ frames, crop }: { frames: number; crop: number }): number {
  return frames * crop * crop * 3;
}

/**
 * Memory of clips that is used again: new memory costs a page fault for every 4 KiB. It is shared with the decoder's worker,
 * which writes a clip where the engine then reads it.
 */
export class ClipMemory {
  #free: Uint8Array[] = [];

  /** @param bytes of each clip */
  constructor(readonly bytes: number) {}

  /** Memory for a clip, with the pixels of an earlier one in it. */
  take(): Uint8Array {
    return this.#free.pop() ?? new Uint8Array(new SharedArrayBuffer(this.bytes));
  }

  /** Takes memory back that nobody reads or writes any more. Memory from elsewhere is left to the garbage collector. */
  give(frames: Uint8Array): void {
    if (frames.buffer instanceof SharedArrayBuffer && frames.length === this.bytes) this.#free.push(frames);
  }
}
