// The values of an input of a test case, determined by its name.
import { type DType, elements } from "#lib/graph/tensor.js";
import type { CaseInput } from "./cases/case_table.js";
import { hashValues } from "#lib/nn/random_weights.js";
import { floatToHalf, fromBits, halfToFloat, toBfloat16 } from "#lib/base/half_floats.js";

export interface CaseValue {
  shape: readonly number[];
  data: Float32Array | Uint8Array | Int32Array | Uint16Array;
  dtype: DType;
  /** The values that the data stores, for the float64 reference. */
  values: Float64Array;
}

/** Rounds values to a storage type. */
export const roundTo = {
  encode(x: number, dtype: DType): number {
    return dtype === "bf16" ? toBfloat16(x) : floatToHalf(x);
  },
  decode(data: ArrayLike<number>, dtype: DType): Float64Array {
    if (dtype === "bf16") return Float64Array.from(data, (bits) => fromBits(bits << 16));
    return dtype === "f16" ? Float64Array.from(data, halfToFloat) : Float64Array.from(data);
  },
  nearest(x: number, dtype: DType): number {
    if (dtype === "bf16" || dtype === "f16") return roundTo.decode([roundTo.encode(x, dtype)], dtype)[0];
    return dtype === "f32" ? Math.fround(x) : x;
  },
};

export function makeInput(rule: CaseInput, name: string): CaseValue {
  const { shape, integer = 0, dtype = "f32", scale = 1, shift = 0 } = rule;
  const v = hashValues("", name, elements(shape));
  const below = (n: number) => (x: number) => Math.floor(((x + 1) / 2) * n);
  let data: CaseValue["data"];
  if (dtype === "u8") data = Uint8Array.from(v, integer ? below(integer) : (x) => Math.floor((x + 1) * 127.9));
  else if (dtype === "i32") data = Int32Array.from(v, below(integer));
  else data = v.map((x) => (integer ? Math.round(x * integer) : x * scale + shift));
  if (dtype === "bf16" || dtype === "f16") data = Uint16Array.from(data, (x) => roundTo.encode(x, dtype));
  return { shape, data, dtype, values: roundTo.decode(data, dtype) };
}
