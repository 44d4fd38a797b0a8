import { VideoClipError } from "../../base/errors.js";
import type { Device } from "../../runtime/device.js";

/** Bytes of a clip: `[T, H, W, 3]` with `T = frames`, `H = W = crop`. */
export function clipBytes({ frames, crop }: { frames: number; crop: number }): number {
  return frames * crop * crop * 3;
}

/**
 * A pool of memory for clips, because new memory costs a page fault for every 4 KiB. It is shared with the decoder's
 * worker, which writes clips where the engine reads them. The memory is pinned when it is made, because pinning takes
 * longer than a copy, and until `close`.
 */
export class ClipMemory {
  #free: Uint8Array[] = [];
  #pinned: SharedArrayBuffer[] = [];
  /** Whether new memory is pinned. */
  #pins = true;

  /**
   * @param bytes per clip
   * @param device that reads the clips
   */
  constructor(
    readonly bytes: number,
    private readonly device?: Pick<Device, "pin" | "unpin">,
  ) {}

  /** Memory for a clip; it may contain an earlier one. */
  take(): Uint8Array {
    return this.#free.pop() ?? new Uint8Array(this.#make());
  }

  /** Returns memory that is no longer in use to the pool. Other memory is left to the garbage collector. */
  give(frames: Uint8Array): void {
    if (frames.buffer instanceof SharedArrayBuffer && frames.length === this.bytes) this.#free.push(frames);
  }

  /**
   * Unpins the memory, when no run reads it any more. A decoder may still write to it.
   * @throws VideoClipError `ERR_BUSY` while a run reads it
   */
  close(): void {
    this.#pins = false;
    for (const buffer of this.#pinned.splice(0)) this.device?.unpin(buffer);
  }

  #make(): SharedArrayBuffer {
    const buffer = new SharedArrayBuffer(this.bytes);
    if (!this.device || !this.#pins) return buffer;
    try {
      this.device.pin(buffer);
      this.#pinned.push(buffer);
    } catch (error) {
      this.#pins = false;
      this.#warn(error);
    }
    return buffer;
  }

  /** Without pinned memory the rows are the same: runs copy the clips first. A system may limit how much can be pinned. */
  #warn(error: unknown): void {
    if (!(error instanceof VideoClipError)) throw error;
    if (error.code === "ERR_DISPOSED" || error.code === "ERR_DEVICE_LOST") return; // the next run fails with it
    process.emitWarning(`clips are copied once more on their way to the device: ${error.message}`, {
      code: "VIDEOCLIP_NOT_PINNED",
    });
  }
}
