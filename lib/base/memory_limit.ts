import { constants } from "node:buffer";
import { totalmem } from "node:os";
import { OutOfMemoryError } from "./errors.js";

/** Bytes that are allocated without a check: reading the limit takes longer than a small call. */
const UNDOUBTED = 64 << 20;

/** Maximum bytes of this process: those of the machine, or of its container. */
function memoryLimit(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/**
 * Refuses sizes that cannot fit into memory. The system may grant more than exists, and end the process when it is
 * used.
 * @param arrays bytes of each array that JavaScript gets
 * @param others bytes besides these
 * @throws OutOfMemoryError
 */
export function checkMemory(what: string, arrays: readonly number[], others = 0): void {
  const sum = arrays.reduce((a, b) => a + b, others);
  if (sum <= UNDOUBTED) return;
  const limit = memoryLimit();
  if (sum > limit) throw tooLarge(what, sum, `more than the ${gigabytes(limit)} GB there are`, limit);
  const largest = Math.max(0, ...arrays);
  const max = constants.MAX_LENGTH;
  if (largest > max) throw tooLarge(what, largest, `more than the ${gigabytes(max)} GB of an array`, max);
}

const gigabytes = (bytes: number) => (bytes / 2 ** 30).toFixed(1);

const tooLarge = (what: string, bytes: number, why: string, limit: number) =>
  new OutOfMemoryError(`${what}: ${gigabytes(bytes)} GB are needed, ${why}`, { expected: limit, received: bytes });
