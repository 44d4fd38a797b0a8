// The values of an input of a case of a shape table: from its name alone.
import { type CaseInput, elements } from "../../dist/graph/tensor.js";
import { hashValues } from "../../dist/nn/random_weights.js";
import { floatToHalf, halfToFloat } from "../../dist/weights/tensor.js";

export interface CaseValue {
  shape: readonly number[];
  data: Float32Array | Uint8Array | Int32Array | Uint16Array;
  /** What the data means, for the float64 reference. */
  values: Float64Array;
}

export function makeInput(rule: CaseInput, name: string): CaseValue {
  const { shape, integer = 0, dtype = "f32", scale = 1, shift = 0 } = rule;
  const v = hashValues("", name, elements(shape));
  const below = (n: number) => (x: number) => Math.floor(((x + 1) / 2) * n);
  let data: CaseValue["data"];
  if (dtype === "u8") data = Uint8Array.from(v, integer ? below(integer) : (x) => Math.floor((x + 1) * 127.9));
  else if (dtype === "i32") data = Int32Array.from(v, below(integer));
  else data = v.map((x) => (integer ? Math.round(x * integer) : x * scale + shift));
  if (dtype !== "f16") return { shape, data, values: Float64Array.from(data) };
  const half = Uint16Array.from(data, floatToHalf);
  return { shape, data: half, values: Float64Array.from(half, halfToFloat) };
}
