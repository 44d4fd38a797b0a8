import { InvalidArgumentError } from "./errors.js";

/** The error of an argument that is not what it must be: `batch: expected at most 12, received 100`. */
export const wrongArgument = (argument: string, expected: string, received: unknown): InvalidArgumentError =>
  new InvalidArgumentError(`${argument}: expected ${expected}, received ${String(received)}`, {
    argument,
    expected,
    received,
  });
