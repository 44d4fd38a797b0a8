import { InvalidArgumentError } from "./errors.js";

/** The error of a wrong argument: `batch: expected at most 12, received 100`. */
export const wrongArgument = (argument: string, expected: string, received: unknown): InvalidArgumentError =>
  new InvalidArgumentError(`${argument}: expected ${expected}, received ${String(received)}`, {
    argument,
    expected,
    received,
  });
