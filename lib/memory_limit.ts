import { totalmem } from "node:os";
import { OutOfMemoryError } from "./errors.js";

/** Bytes that this process may use at most: those of the machine, or of its container. */
function memoryLimit(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/**
 * Refuses what cannot fit into memory. The system may grant more than there is and end the process when it is used.
 * @throws OutOfMemoryError
 */
export function checkMemory(what: string, bytes: number): void {
  const limit = memoryLimit();
  if (bytes <= limit) return;
  throw new OutOfMemoryError(
    `${what}: ${gigabytes(bytes)} GB are needed, more than the ${gigabytes(limit)} GB there are`,
    {
      expected: limit,
      received: bytes,
    },
  );
}

const gigabytes = (bytes: number) => (bytes / 2 ** 30).toFixed(1);
