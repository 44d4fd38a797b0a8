import { callName, wrongArgument } from "../graph/rules.js";
import { checkNames } from "../base/suggest.js";
import { arrayKind } from "../base/typed_arrays.js";
import { guarded } from "./operand.js";

/** What every call takes. */
export interface CallOptions {
  /** Aborting it before the call has ended rejects with its reason. */
  signal?: AbortSignal | undefined;
}

/** What calls with one result take. */
export interface OutOptions<T = Float32Array> extends CallOptions {
  /**
   * An array that takes the result: as many elements, of its dtype. One from {@link allocate} is written in place, any
   * other when the call ends. It may be an input's array too. Leave it alone until then.
   */
  out?: T | undefined;
}

/** Longer lists are none of an op's attributes. */
const LONGEST = 64;

/**
 * A plain copy of the options, each read once.
 * @throws InvalidArgumentError for what is no object, and for a name that is not among `names`
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

/** An array's elements in an array that nobody else holds; any other value as it is. */
function plainCopy(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return Array.from({ length: Math.min(value.length, LONGEST + 1) }, (_, i) => value[i] as unknown);
}

/** A list that is an argument of its own, copied. @throws InvalidArgumentError when it cannot be read */
export const readList = (op: string, argument: string, value: unknown): readonly number[] =>
  guarded(op, argument, () => plainCopy(value) as readonly number[]);

/** @throws InvalidArgumentError for what is no AbortSignal (of any realm or implementation) */
export function checkSignal(op: string, signal: unknown): void {
  if (signal === undefined) return;
  guarded(op, "signal", () => {
    const { aborted, addEventListener, removeEventListener, throwIfAborted } = Object(signal) as AbortSignal;
    const methods = [addEventListener, removeEventListener, throwIfAborted];
    if (typeof aborted === "boolean" && methods.every((method) => typeof method === "function")) return;
    throw wrongArgument(op, "signal", "an AbortSignal", signal);
  });
}
