import { constants } from "node:buffer";
import { totalmem } from "node:os";
import { OutOfMemoryError } from "./errors.js";

/** Bytes that are taken for granted: to ask for the limit takes longer than a small call. */
const UNDOUBTED = 64 << 20;

/** Bytes that this process may use at most: those of the machine, or of its container. */
function memoryLimit(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/**
 * Refuses what cannot fit into memory. The system may grant more than there is, and end the process when it is used.
 * @param arrays bytes of each array that JavaScript shall see
 * @param others bytes beside these
 * @throws OutOfMemoryError
 */
export function checkMemory(what: string, arrays: readonly number[], others = 0): void {
  const sum = arrays.reduce((a, b) => a + b, others);
  if (sum <= UNDOUBTED) return;
  const limit = memoryLimit();
  if (sum > limit) throw tooLarge(what, sum, `more than the ${gigabytes(limit)} GB there are`, limit);
  const largest = Math.max(0, ...arrays);
  const most = constants.MAX_LENGTH;
  if (largest > most) throw tooLarge(what, largest, `more than the ${gigabytes(most)} GB of an array`, most);
}

const gigabytes = (bytes: number) => (bytes / 2 ** 30).toFixed(1);

const tooLarge = (what: string, bytes: number, why: string, limit: number) =>
  new OutOfMemoryError(`${what}: ${gigabytes(bytes)} GB are needed, ${why}`, { expected: limit, received: bytes });
