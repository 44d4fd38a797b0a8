import { inspect } from "node:util";
import type { DType } from "../graph/tensor.js";
import type { NDArray } from "../base/nd_array.js";
import type { AnyArray } from "./array_types.js";

/** The result of an op: dense and row-major, with its shape. A 16-bit result is a Uint16Array of its bits. */
export interface Result<T = Float32Array> extends NDArray<T> {
  shape: number[];
  dtype: DType;
}

/**
 * The values of a result in the device's memory. Until the caller asks for them nobody can change them, and ops read
 * them in place.
 */
export class Held {
  exposed = false;
  /** Number of unfinished runs that read the memory. */
  readers = 0;

  constructor(public array: AnyArray) {}

  /** Exposes the values, which the caller may change from now on. */
  expose(): AnyArray {
    if (!this.exposed && this.readers > 0) this.array = this.array.slice();
    this.exposed = true;
    return this.array;
  }
}

const holders = new WeakMap<object, Held>();

/** The `Held` of a result; undefined for any other object. */
export const heldBy = (value: object): Held | undefined => holders.get(value);

/**
 * Results up to this size are copied to memory of JavaScript (native/cpp/addon/engine_wrap.cc), because copying is
 * cheap.
 */
const SMALL = 64 << 10;

/** A result whose values have not been exposed. */
export function makeResult(array: AnyArray, shape: readonly number[], dtype: DType): Result<AnyArray> {
  if (array.byteLength <= SMALL) return seenResult(array, shape, dtype);
  const held = new Held(array);
  const result = {
    get data() {
      return held.expose();
    },
    set data(values) {
      held.exposed = true;
      held.array = values;
    },
    shape: [...shape],
    dtype,
  };
  Object.defineProperty(result, inspect.custom, { value: () => ({ ...result }) });
  holders.set(result, held);
  return result;
}

/** A result in an array of the caller. */
export const seenResult = (array: AnyArray, shape: readonly number[], dtype: DType): Result<AnyArray> => ({
  data: array,
  shape: [...shape],
  dtype,
});
