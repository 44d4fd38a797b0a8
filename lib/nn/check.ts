// Checks that the layers share. Errors have the layer, the argument, the expected and the received value.
import { describeValue } from "../base/describe_value.js";
import { InvalidArgumentError, ShapeError } from "../base/errors.js";
import type { Triple } from "../ops/index.js";
import { type DType, Tensor } from "../graph/tensor.js";
import { scope, tracing, withLayer } from "../graph/trace.js";
import { checkNames } from "../base/suggest.js";

/** The error of a wrong argument of a layer. */
export function wrong(layer: string, argument: string, expected: string, received: unknown): InvalidArgumentError {
  return new InvalidArgumentError(`${layer}: ${argument}: expected ${expected}, received ${describeValue(received)}`, {
    layer,
    argument,
    expected,
    received,
  });
}

/**
 * Checks that an argument is a tensor.
 * @param sizes names of its axes, such as `[N, T, H, W, C]`; they also give the rank
 */
export function tensor(
  layer: string,
  argument: string,
  value: unknown,
  { sizes, dtype }: { sizes?: string | undefined; dtype?: DType | undefined } = {},
): Tensor {
  tracing(); // outside a net this error comes first, whatever the arguments are
  const what = [dtype, sizes].filter(Boolean).join(" ");
  if (!(value instanceof Tensor)) throw wrong(layer, argument, `a tensor${what && ` ${what}`}`, value);
  const fits = sizes === undefined || sizes.startsWith("[...") || sizes.split(",").length === value.shape.length;
  if (fits && (dtype === undefined || value.dtype === dtype)) return value;
  throw new ShapeError(`${layer}: ${argument}: expected ${what}, received ${value.dtype} [${value.shape.join(", ")}]`, {
    layer,
    argument,
    expected: what,
    received: value.shape,
  });
}

/** A positive whole number, such as the channels of a layer. */
export function count(layer: string, argument: string, value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) > 0) return value as number;
  throw wrong(layer, argument, "a positive whole number", value);
}

/** A triple for T, H, W from a triple or one number for all. */
export function triple(layer: string, argument: string, value: unknown, least = 1): Triple {
  const list: unknown = typeof value === "number" ? [value, value, value] : value;
  const fits = (n: unknown) => Number.isSafeInteger(n) && (n as number) >= least;
  if (Array.isArray(list) && list.length === 3 && list.every(fits)) return list as unknown as Triple;
  throw wrong(layer, argument, `a whole number of at least ${least}, or three of them for T, H, W`, value);
}

/** @throws InvalidArgumentError for a name that is not in `known`, with the closest known name */
export const knownNames = (where: string, what: string, given: Iterable<string>, known: readonly string[]): void =>
  checkNames(where, what, given, known, { layer: where });

/** Checks the names of a layer's options. */
export function options<T extends object>(
  layer: string,
  given: T | undefined,
  known: readonly (keyof T & string)[],
): T {
  if (given === undefined) return {} as T;
  if (typeof given !== "object" || given === null || Array.isArray(given) || given instanceof Tensor) {
    throw wrong(layer, "options", `an object with ${known.join(", ")}`, given);
  }
  knownNames(layer, "option", Object.keys(given), known);
  return given;
}

/** Runs `body` as a layer. Its parameters begin with its key; errors and `describe` show the key. */
export function layer<T>(kind: string, key: unknown, body: (name: string) => T): T {
  tracing();
  if (typeof key !== "string" || key === "") {
    throw wrong(kind, "key", 'the name of the layer, which its parameters begin with, such as "block1.conv"', key);
  }
  return scope(key, () => {
    try {
      return body(`${kind} ${key}`);
    } catch (error) {
      throw error instanceof InvalidArgumentError && error.details.layer === undefined ? withLayer(error, key) : error;
    }
  });
}
