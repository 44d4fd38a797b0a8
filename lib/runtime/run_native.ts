import { DisposedError } from "../base/errors.js";
import type { Device } from "./device.js";
import { nativeError } from "./native_error.js";
import type { InputViews } from "./program_arrays.js";

/** `Timing` in native/cpp/runtime/job.h: what a run measures. */
export const TIMING = { none: 0, instructions: 1, whole: 2 } as const;

/** The arrays of one run, as the native side takes them. */
export interface NativeRun {
  inputs: readonly InputViews[];
  scalars: Float32Array;
  outputs: (ArrayBufferView | null)[];
  results: boolean[];
  /** A value of `TIMING`. */
  timing: number;
}

/**
 * Runs a native program off the event loop. @throws `signal.reason` where the signal aborts, DisposedError where the device is
 * disposed meanwhile, and the native failure as an error of this package
 */
export async function runNative(
  device: Device,
  id: number,
  { inputs, scalars, outputs, results, timing }: NativeRun,
  signal?: AbortSignal,
): Promise<(ArrayBuffer | null)[]> {
  const { engine } = device;
  const { job, promise } = device.native(() => engine.run(id, inputs, scalars, timing, outputs, results));
  const abort = () => engine.cancel(job); // has no effect after the device was disposed
  signal?.addEventListener("abort", abort, { once: true });
  device.running.add(job);
  try {
    const buffers = await promise;
    signal?.throwIfAborted(); // the signal may have aborted during the last instruction
    return buffers;
  } catch (cause) {
    signal?.throwIfAborted();
    if (device.disposed) throw new DisposedError("This device");
    throw nativeError(cause);
  } finally {
    device.running.delete(job);
    signal?.removeEventListener("abort", abort);
  }
}
