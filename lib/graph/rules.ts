// Checks of attributes. Every node that is made passes them, so eager ops (lib/ops) and layers (lib/nn) share them.
import { describeValue } from "../base/describe_value.js";
import { InvalidArgumentError } from "../base/errors.js";
import { closestName } from "../base/suggest.js";

/** The condition on an attribute, in words and as a test. */
export interface Rule {
  readonly expected: string;
  accepts(value: unknown): boolean;
  /** The valid names, if the attribute is one of several. */
  readonly names?: readonly string[] | undefined;
}

/** A rule per attribute of an op. */
export type Attributes<A> = { readonly [K in keyof A]-?: Rule };

/** The largest size, padding or stride. Kernels count in 64 bits, so sums and products of a few such numbers fit. */
const LARGEST = 2 ** 31 - 1;

const isInteger = (value: unknown, min: number, max: number): boolean =>
  Number.isInteger(value) && (value as number) >= min && (value as number) <= max;

const range = (min: number, max: number) =>
  max >= LARGEST ? (min > -LARGEST ? ` of at least ${min}` : "") : ` from ${min} to ${max}`;

export const integer = (min = -LARGEST - 1, max = LARGEST): Rule => ({
  expected: `an integer${range(min, max)}`,
  accepts: (value) => isInteger(value, min, max),
});

/** A list of integers, of any length or of `length`. */
export const integers = (min: number, length?: number): Rule => ({
  expected: `${length ?? "a list of"} integers${range(min, LARGEST)}`,
  accepts: (value) =>
    Array.isArray(value) &&
    (length === undefined || value.length === length) &&
    Array.from(value).every((v) => isInteger(v, min, LARGEST)),
});

/** One integer per axis T, H, W. */
export const triple = (min: number): Rule => ({
  ...integers(min, 3),
  expected: `[T, H, W] of integers of at least ${min}`,
});

/** Whether a value is a number that is finite in float32, in which kernels compute. */
const isFinite32 = (value: unknown): boolean => typeof value === "number" && Number.isFinite(Math.fround(value));

/** A finite number. */
export const number = (min = -Infinity, max = Infinity): Rule => ({
  expected:
    max < Infinity
      ? `a number from ${min} to ${max}`
      : `a finite number of float32${min > -Infinity ? `, at least ${min}` : ""}`,
  accepts: (value) => isFinite32(value) && (value as number) >= min && (value as number) <= max,
});

/** A finite number per channel. */
export const numbers = (length: number, nonZero = false): Rule => ({
  expected: `${length} finite numbers of float32${nonZero ? " other than 0" : ""}`,
  accepts: (value) =>
    Array.isArray(value) &&
    value.length === length &&
    Array.from(value).every((v) => isFinite32(v) && !(nonZero && Math.fround(v as number) === 0)),
});

export const flag: Rule = { expected: "true or false", accepts: (value) => typeof value === "boolean" };

/** `a, b or c`. */
export const alternatives = (names: readonly string[]): string =>
  names.length > 1 ? `${names.slice(0, -1).join(", ")} or ${names.at(-1)}` : names[0];

export const oneOf = (names: readonly string[]): Rule => ({
  expected: alternatives(names),
  accepts: (value) => typeof value === "string" && names.includes(value),
  names,
});

export const optional = (rule: Rule): Rule => ({
  ...rule,
  accepts: (value) => value === undefined || rule.accepts(value),
});

/** The name of an op's function: `max_pool3d` is `maxPool3d`. */
export const callName = (op: string): string => op.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** The error of a wrong argument: its name, the expected value and the received value. */
export function wrongArgument(
  op: string,
  argument: string,
  expected: string,
  received: unknown,
  hint = "",
): InvalidArgumentError {
  const message = `${callName(op)}: ${argument}: expected ${expected}, received ${describeValue(received)}`;
  return new InvalidArgumentError(hint ? `${message} (${hint})` : message, { op, argument, expected, received });
}

/** @throws InvalidArgumentError when the value breaks the rule */
export function checkAttribute(op: string, name: string, value: unknown, rule: Rule): void {
  if (rule.accepts(value)) return;
  const meant = rule.names && typeof value === "string" ? closestName(value, rule.names) : undefined;
  throw wrongArgument(op, name, rule.expected, value, meant && `did you mean ${meant}?`);
}

/** @throws InvalidArgumentError for the first attribute that breaks its rule */
export function checkAttributes<A>(op: string, rules: Attributes<A>, attrs: A): void {
  for (const name of Object.keys(rules) as (keyof A & string)[]) checkAttribute(op, name, attrs[name], rules[name]);
}
