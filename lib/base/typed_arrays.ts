import type { DType } from "./dtypes.js";

/** Typed arrays by name. */
export interface TypedArrays {
  Int8Array: Int8Array;
  Uint8Array: Uint8Array;
  Uint8ClampedArray: Uint8ClampedArray;
  Int16Array: Int16Array;
  Uint16Array: Uint16Array;
  Int32Array: Int32Array;
  Uint32Array: Uint32Array;
  Float16Array: Float16Values;
  Float32Array: Float32Array;
  Float64Array: Float64Array;
  BigInt64Array: BigInt64Array;
  BigUint64Array: BigUint64Array;
}
export type ArrayKind = keyof TypedArrays;

/** A `Float16Array`, which Node has from version 24 on. */
export interface Float16Values {
  readonly [Symbol.toStringTag]: "Float16Array";
  readonly buffer: ArrayBufferLike;
  readonly byteOffset: number;
  readonly byteLength: number;
  readonly length: number;
}

const prototype = Object.getPrototypeOf(Uint8Array.prototype) as object;
const getter = (name: string | symbol) =>
  Object.getOwnPropertyDescriptor(prototype, name)!.get! as (this: unknown) => unknown;
const tag = getter(Symbol.toStringTag);
const lengthOf = getter("length");
const valuesOf = (prototype as { values: (this: unknown) => unknown }).values;

/**
 * The kind of a typed array; undefined for any other value. `instanceof` fails for arrays of another realm: a vm
 * context, a test of Jest, a window of Electron.
 */
export const arrayKind = (value: unknown): ArrayKind | undefined => tag.call(value) as ArrayKind | undefined;

/** Whether a value is a typed array of this kind, of any realm. */
export const isArrayOf = <K extends ArrayKind>(kind: K, value: unknown): value is TypedArrays[K] =>
  arrayKind(value) === kind;

/** The kinds of arrays for a dtype. 16-bit floats are their bits, or float16. */
export const KINDS: Record<DType, readonly ArrayKind[]> = {
  f32: ["Float32Array"],
  u8: ["Uint8Array", "Uint8ClampedArray"],
  i32: ["Int32Array"],
  f16: ["Uint16Array", "Float16Array"],
  bf16: ["Uint16Array"],
};

/** The dtype of an array by its kind, with 16-bit values as float16; undefined for kinds that no op supports. */
export function dtypeOf(value: unknown): DType | undefined {
  const kind = arrayKind(value);
  return (Object.keys(KINDS) as DType[]).find((dtype) => kind && KINDS[dtype].includes(kind));
}

/** Number of elements, even if the array's properties were overwritten. */
export const arrayLength = (array: object): number => lengthOf.call(array) as number;

/** Whether the memory of an array is gone: its buffer was transferred, or shrunk below the start of the array. */
export function isDetached(array: object): boolean {
  if (arrayLength(array) > 0) return false;
  try {
    valuesOf.call(array);
    return false;
  } catch {
    return true; // an array without memory throws
  }
}
