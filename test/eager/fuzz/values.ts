// Values that callers are known to pass, and others that no caller should pass.
import { types } from "node:util";
import vm from "node:vm";
import { elements } from "#lib/graph/tensor.js";
import type { Random } from "#lib/base/random.js";

export const pick = <T>(r: Random, list: readonly T[]): T => list[r.uint32() % list.length];
export const below = (r: Random, n: number): number => r.uint32() % n;
export const chance = (r: Random, probability: number): boolean => r.uniform() < probability;

const context = vm.createContext({});
const otherRealm = vm.runInContext(
  "({ f32: (n) => new Float32Array(n), i32: (n) => new Int32Array(n), u8: (n) => new Uint8Array(n), list: (v) => [...v] })",
  context,
) as { f32(n: number): Float32Array; i32(n: number): Int32Array; u8(n: number): Uint8Array; list<T>(v: T[]): T[] };

export type Kind = "f32" | "i32" | "u8";
type Memory = Float32Array | Int32Array | Uint8Array;
const KIND: Record<
  Kind,
  { new (length: number): Memory; new (buffer: ArrayBufferLike, at: number, length: number): Memory }
> = {
  f32: Float32Array,
  i32: Int32Array,
  u8: Uint8Array,
};
const BYTES = { f32: 4, i32: 4, u8: 1 };

/** The values of an array when it was made, because the caller changes them as soon as a call has returned. */
export const written = new WeakMap<object, Float64Array>();

/** The arrays that were made since the list was last emptied. */
export const made: Memory[] = [];

/** An array in one of several kinds of memory: new, shared, of another realm, or a part of a larger array. */
function memory(r: Random, kind: Kind, length: number): Memory {
  const make = KIND[kind];
  const bytes = length * BYTES[kind];
  switch (below(r, 12)) {
    case 0:
      return otherRealm[kind](length);
    case 1:
      return new make(new SharedArrayBuffer(bytes + 8), 8, length);
    case 2:
      return new make(new ArrayBuffer(bytes + 16), 4, length);
    case 3:
      return kind === "u8" ? (new Uint8ClampedArray(length) as unknown as Uint8Array) : new make(length);
    default:
      return new make(length);
  }
}

/** An array with its shape, with numbers from `value`; sometimes as a tensor of onnxruntime. */
export function array(r: Random, kind: Kind, shape: number[], value: () => number = () => normal(r)) {
  const data = memory(r, kind, elements(shape));
  for (let i = 0; i < data.length; i++) data[i] = value();
  written.set(data, Float64Array.from(data));
  made.push(data);
  const sizes = chance(r, 0.05) ? otherRealm.list(shape) : shape;
  if (chance(r, 0.05)) return { data, dims: sizes, type: "any" };
  return chance(r, 0.1) ? { data, shape: sizes, dtype: kind } : { data, shape: sizes };
}

/** Not infinite: whether 0 times infinity occurs depends on the order in which a kernel sums. */
const EXTREME = [Number.NaN, -0, 0, 1e-40];

/** Numbers around 0; a few are other values of floats. */
function normal(r: Random): number {
  return chance(r, 0.002) ? pick(r, EXTREME) : (r.uniform() - 0.5) * 4;
}

const thrower = {
  get data(): never {
    throw new Error("a getter that throws");
  },
  get shape(): never {
    throw null;
  },
};

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable([], {});
  revoke();
  return proxy;
}

function detached(): Float32Array {
  const data = new Float32Array(4);
  structuredClone(data.buffer, { transfer: [data.buffer] });
  return data;
}

function shrunk(): Float32Array {
  const Resizable = ArrayBuffer as unknown as new (
    bytes: number,
    options: object,
  ) => ArrayBuffer & { resize(bytes: number): void };
  const buffer = new Resizable(16, { maxByteLength: 32 });
  const data = new Float32Array(buffer, 8, 2);
  buffer.resize(4);
  return data;
}

/** Makers, so that calls share no values. */
const NASTY: (() => unknown)[] = [
  ...[null, undefined, Number.NaN, Infinity, -Infinity, -0, 0, 1, 2, 3, -1, -2, 0.5, 2.5, 1e300, 2 ** 16, 2 ** 20],
  ...[2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53, Number.MAX_VALUE, Number.MIN_VALUE, true, false, 1n, -1n],
  ...["", "0", "3", "same", "valid", "zero", "-inf", "relu", "rleu", "none", "sum", "mean", "__proto__", "length"],
  ...["OIDHW", "DHWIO", "f16", "f32", "u8", "constructor", "x".repeat(1000), Symbol("s"), Symbol.iterator],
].map((value) => () => value);
NASTY.push(
  () => [],
  () => [1],
  () => [1, 1, 1],
  () => [0, 0, 0],
  () => [2, 1, 1],
  () => [-1, -1, -1],
  () => [null, 1, 1],
  () => ["1", "1", "1"],
  () => new Array(3),
  () => [1, , 1], // eslint-disable-line no-sparse-arrays
  () => new Array(1e9),
  () => Array.from({ length: 70 }, () => 1),
  () => [[1], [1], [1]],
  () => ({}),
  () => Object.create(null) as unknown,
  () => ({ length: 3, 0: 1, 1: 1, 2: 1 }),
  () => ({ valueOf: () => 3 }),
  () => ({ toString: () => ({}), [Symbol.toPrimitive]: () => ({}) }),
  () => ({ data: new Float32Array(4), shape: [2, 2] }),
  () => ({ data: new Float32Array(0), shape: [0] }),
  () => ({ data: new Float32Array(1), shape: [] }),
  ...[
    [7, null],
    [1, null],
    [null, 4],
    [null],
    [0.5, 0],
    ["0"],
    [-0],
    [undefined, 3],
    [[], 2],
    [2, 0],
    [0, 2 ** 40],
  ].map((shape) => () => ({ data: new Float32Array(0), shape: [...shape] })),
  ...[[1.5, 2], [-1, -3], ["3"], [3, true], [3, 1n]].map((shape) => () => ({ data: new Float32Array(3), shape })),
  () => ({ data: () => new Float32Array(4), shape: [2, 2], dataSync: () => null }),
  () => ({ data: detached(), shape: [2, 2] }),
  () => ({ data: shrunk(), shape: [2] }),
  () => thrower,
  () => new Proxy({}, { get: () => { throw new Error("a proxy that throws"); } }), // prettier-ignore
  () => new Proxy({}, { ownKeys: () => { throw new Error("a proxy without keys"); } }), // prettier-ignore
  () => new Proxy([1, 1, 1], { get: (target, key) => (key === "length" ? 2 ** 40 : Reflect.get(target, key)) }),
  revoked,
  detached,
  shrunk,
  () => () => 3,
  () => class {},
  () => Promise.resolve({ data: new Float32Array(1), shape: [1] }),
  () => new Date(0),
  () => new Map([["data", 1]]),
  () => /x/,
  () => new Error("e"),
  () => new Float32Array(3),
  () => new Float64Array(4),
  () => new Int8Array(4),
  () => new Uint16Array(4),
  () => new Uint32Array(3).fill(1),
  () => new BigInt64Array(2),
  () => new DataView(new ArrayBuffer(8)),
  () => new ArrayBuffer(16),
  () => new SharedArrayBuffer(16),
  () => AbortSignal.abort(new Error("aborted before")),
  () => ({ aborted: false }),
  () => globalThis,
  () => ({ ...process.versions }),
);

export const nasty = (r: Random): unknown => pick(r, NASTY)();

/** Whether a value is a plain object or list of the arguments, which may be changed. */
const isPlain = (value: unknown): value is object =>
  typeof value === "object" &&
  value !== null &&
  !types.isProxy(value) &&
  (Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype) &&
  value !== thrower;

/** Replaces a random part of the arguments by another value. */
export function spoil(r: Random, args: unknown[]): void {
  const places: { holder: Record<PropertyKey, unknown>; key: PropertyKey }[] = [];
  const visit = (holder: object, depth: number) => {
    for (const key of Object.isFrozen(holder) ? [] : Object.keys(holder)) {
      places.push({ holder: holder as never, key });
      const value = (holder as Record<string, unknown>)[key];
      if (depth < 3 && isPlain(value)) visit(value, depth + 1);
    }
  };
  visit(args, 0);
  if (places.length === 0) return;
  const { holder, key } = pick(r, places);
  const value = holder[key];
  const put = (next: unknown) =>
    Object.defineProperty(holder, key, { value: next, enumerable: true, configurable: true, writable: true });
  switch (below(r, 8)) {
    case 0:
      delete holder[key];
      return;
    case 1:
      if (typeof holder === "object" && !Array.isArray(holder)) holder[pick(r, ["pading", "axis", "eps ", "foo"])] = 1;
      return;
    case 2:
      Object.defineProperty(holder, key, { get: () => value, enumerable: true, configurable: true });
      return;
    case 3:
      if (typeof value === "object" && value !== null && !ArrayBuffer.isView(value)) put(new Proxy(value, {}));
      return;
    case 4:
      if (typeof value === "number") put(value + pick(r, [-1, 1, 0.5, -2 * value]));
      else if (isPlain(value)) Object.freeze(value);
      return;
    default:
      put(nasty(r));
  }
}
