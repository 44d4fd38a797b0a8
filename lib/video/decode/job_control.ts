const [CREDITS, STOPPED, ENDED] = [0, 1, 2];

/**
 * The memory that the two threads of a decoder job share. A worker is stopped by a request here and never terminated
 * while it decodes: a native function of node-av that runs while its thread is being terminated cannot report an error,
 * and Node.js then ends the whole process.
 */
export class JobControl {
  /** @param cells the shared memory of the other thread's object */
  constructor(readonly cells = new Int32Array(new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT))) {}

  /** Allows the worker to begin `clips` more clips. */
  allow(clips: number): void {
    Atomics.add(this.cells, CREDITS, clips);
    Atomics.notify(this.cells, CREDITS);
  }

  /** Whether the worker may begin a clip; then one less is left. */
  takeCredit(): boolean {
    if (Atomics.load(this.cells, CREDITS) === 0) return false;
    Atomics.sub(this.cells, CREDITS, 1);
    return true;
  }

  /** Blocks the worker until a clip is allowed or the job is stopped. */
  waitForCredit(): void {
    // `stop` wakes the worker too, but its flag may be set just before this call; the limit bounds that delay
    Atomics.wait(this.cells, CREDITS, 0, 200);
  }

  /** Asks the worker to end the job: it does so before the next packet. */
  stop(): void {
    Atomics.store(this.cells, STOPPED, 1);
    Atomics.notify(this.cells, CREDITS);
  }

  get isStopped(): boolean {
    return Atomics.load(this.cells, STOPPED) === 1;
  }

  /** Called by the worker when it runs no more native code for the job. */
  end(): void {
    Atomics.store(this.cells, ENDED, 1);
    Atomics.notify(this.cells, ENDED);
  }

  /** Blocks until the worker has ended the job, for at most `ms` milliseconds. */
  waitForEnd(ms: number): void {
    Atomics.wait(this.cells, ENDED, 0, Math.max(0, ms));
  }
}
