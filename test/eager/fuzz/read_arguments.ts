// Reads the arguments of a call for a model, and makes random ones.
import * as definitions from "#lib/ops/index.js";
import { type Array64, elements } from "#lib/graph/tensor.js";
import type { Random } from "#lib/base/random.js";
import { below, chance, pick, written } from "./values.js";

export type Options = Record<string, unknown>;
export type Any = { data: Float32Array; shape?: number[]; dims?: number[]; dtype?: string };

export function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`accepted, though ${what}`);
}

export const isWhole = (v: unknown, min: number): v is number => Number.isInteger(v) && (v as number) >= min;
const isTriple = (v: unknown, min: number) =>
  Array.isArray(v) && v.length === 3 && Array.from(v).every((n) => isWhole(n, min));

/** The value of an operand. */
export function read(x: Any, ...kinds: string[]): Array64 {
  const shape = Array.from(x.shape ?? x.dims!);
  must(
    shape.every((n) => isWhole(n, 0)),
    "a size is none",
  );
  const kind = Object.prototype.toString.call(x.data).slice(8, -1);
  must((kinds.length > 0 ? kinds : ["Float32Array"]).includes(kind), `its values are a ${kind}`);
  must(x.data.length === elements(shape), "the shape does not fit the values");
  return { shape: shape.map((n) => n + 0), data: written.get(x.data) ?? Float64Array.from(x.data) };
}

export const F32 = ["Float32Array"];
export const U8 = ["Uint8Array", "Uint8ClampedArray"];
export const ANY = [...F32, ...U8, "Int32Array", "Uint16Array"];
export const readOptional = (x: unknown, ...kinds: string[]) =>
  x === undefined || x === null ? null : read(x as Any, ...kinds);

/** The options; only known names are allowed. */
export function optionsOf(o: Options | undefined, ...names: string[]): Options {
  for (const name of Object.keys(o ?? {})) must([...names, "signal", "out"].includes(name), `${name} is no option`);
  return o ?? {};
}

export const given = <T>(value: unknown, otherwise: T): T => (value === undefined ? otherwise : (value as T));
export function boolean(value: unknown, otherwise: boolean): boolean {
  const v = given<unknown>(value, otherwise);
  must(typeof v === "boolean", `${String(v)} is no boolean`);
  return v as boolean;
}
export function finite(value: unknown, min = -Infinity): number {
  must(Number.isFinite(Math.fround(value as number)) && (value as number) >= min, "a number is none");
  return value as number;
}
export function word<T extends string>(value: unknown, words: readonly T[]): T {
  must(typeof value === "string" && words.includes(value as T), "a word is none of those that there are");
  return value as T;
}
export function triple(value: unknown, min: number): definitions.Triple {
  must(isTriple(value, min), "a triple is none");
  return value as definitions.Triple;
}
export const perAxis = (value: unknown) => (typeof value === "number" ? [value, value, value] : value);

/** Low and high padding, following TensorFlow's description directly. */
export function padding(o: Options, size: number[], kernel: definitions.Triple, stride: definitions.Triple) {
  const { padding: p, low, high } = o;
  must(p === undefined || (low === undefined && high === undefined), "there is padding twice");
  if (p === undefined) {
    const start = triple(given(low, [0, 0, 0]), 0);
    return { low: start, high: triple(given(high, start), 0) };
  }
  if (p === "same") {
    const pairs = size.map((n, i) => {
      const out = Math.ceil(n / stride[i]);
      const total = Math.max(0, (out - 1) * stride[i] + kernel[i] - n);
      return [Math.floor(total / 2), Math.ceil(total / 2)];
    });
    return { low: triple(pairs.map(([a]) => a), 0), high: triple(pairs.map(([, b]) => b), 0) }; // prettier-ignore
  }
  const each = p === "valid" ? 0 : p;
  const both = triple(Array.isArray(each) ? each : [each, each, each], 0);
  return { low: both, high: both };
}

export const size = (r: Random, most = 5) => 1 + below(r, most);
export const sizes = (r: Random, rank: number, most?: number) => Array.from({ length: rank }, () => size(r, most));
export const three = (r: Random, low: number, n: number) => [low + below(r, n), low + below(r, n), low + below(r, n)];
/** Adds an option with a probability. */
export const maybe = (r: Random, options: Options, name: string, value: () => unknown, probability = 0.4) => {
  if (chance(r, probability)) options[name] = value();
};
export const ACTIVATIONS: readonly ("none" | definitions.UnaryKind)[] = ["none", ...definitions.unaryKinds];
export const KINDS: readonly definitions.UnaryKind[] = definitions.unaryKinds;

export function paddingOptions(r: Random, o: Options, kernel: number[], pool: boolean): void {
  const most = (i: number) => (pool ? kernel[i] : 3);
  const some = () => kernel.map((_, i) => below(r, most(i)));
  switch (below(r, 5)) {
    case 0:
      o.padding = pick(r, ["same", "valid"]);
      break;
    case 1:
      o.padding = chance(r, 0.5) ? below(r, Math.min(...kernel.map((_, i) => most(i)))) : some();
      break;
    case 2:
      o.low = some();
      maybe(r, o, "high", some);
      break;
    default:
  }
}
