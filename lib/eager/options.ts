import { callName, wrongArgument } from "../graph/rules.js";
import { checkNames } from "../base/suggest.js";
import { arrayKind } from "../base/typed_arrays.js";
import { guarded } from "./operand.js";

/** Options of every call. */
export interface CallOptions {
  /** Aborting it before the call has ended rejects with its reason. */
  signal?: AbortSignal | undefined;
}

/** Options of calls with one result. */
export interface OutOptions<T = Float32Array> extends CallOptions {
  /**
   * An array for the result: of the same number of elements and dtype. An array from {@link allocate} is written in
   * place, any other when the call ends. It may be the array of an input. Do not touch it until the call has ended.
   */
  out?: T | undefined;
}

/** Longer lists are not attributes of an op. */
const LONGEST = 64;

/**
 * A plain copy of the options; each is read once.
 * @throws InvalidArgumentError for a value that is not an object, and for a name that is not in `names`
 */
export function readOptions<O extends object>(
  op: string,
  given: O | undefined,
  names: readonly (keyof O & string)[],
  argument = "options",
): O {
  if (given === undefined) return {} as O;
  return guarded(op, argument, () => {
    if (typeof given !== "object" || given === null || Array.isArray(given) || arrayKind(given))
      throw wrongArgument(op, argument, "an object", given);
    checkNames(callName(op), argument === "options" ? "option" : `key of ${argument}`, Object.keys(given), names, {
      op,
    });
    return Object.fromEntries(names.map((name) => [name, plainCopy(given[name])])) as O;
  });
}

/** A copy of an array; any other value unchanged. */
function plainCopy(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return Array.from({ length: Math.min(value.length, LONGEST + 1) }, (_, i) => value[i] as unknown);
}

/** A copy of a list argument. @throws InvalidArgumentError when it cannot be read */
export const readList = (op: string, argument: string, value: unknown): readonly number[] =>
  guarded(op, argument, () => plainCopy(value) as readonly number[]);

/** @throws InvalidArgumentError for a value that is not an AbortSignal (of any realm or implementation) */
export function checkSignal(op: string, signal: unknown): void {
  if (signal === undefined) return;
  guarded(op, "signal", () => {
    const { aborted, addEventListener, removeEventListener, throwIfAborted } = Object(signal) as AbortSignal;
    const methods = [addEventListener, removeEventListener, throwIfAborted];
    if (typeof aborted === "boolean" && methods.every((method) => typeof method === "function")) return;
    throw wrongArgument(op, "signal", "an AbortSignal", signal);
  });
}
