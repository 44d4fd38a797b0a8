import { type Array64, defineOp, shapeError, type TensorType } from "../tensor.js";

function shape([x, part, start]: (TensorType | null)[]): TensorType[] {
  if (x?.shape.length !== 3 || x.dtype !== "f32") {
    throw shapeError("dynamic_update_slice", "f32 x [N, T, C]", x?.shape ?? "none");
  }
  const [N, T, C] = x.shape;
  const [n, S, c] = part?.shape ?? [];
  if (part?.shape.length !== 3 || n !== N || c !== C || S < 1 || S > T || part.dtype !== "f32") {
    throw shapeError("dynamic_update_slice", `f32 part [${N}, 1 to ${T}, ${C}]`, part?.shape ?? "none");
  }
  if (start?.dtype !== "i32" || start.shape.join() !== "1") {
    throw shapeError("dynamic_update_slice", "i32 start [1]", start?.shape ?? "none");
  }
  return [{ shape: x.shape, dtype: "f32" }];
}

function reference([x, part, start]: (Array64 | null)[]): Array64[] {
  const [N, T, C] = x!.shape;
  const S = part!.shape[1];
  const data = x!.data.slice();
  for (let n = 0; n < N; n++) {
    data.set(part!.data.subarray(n * S * C, (n + 1) * S * C), (n * T + start!.data[0]) * C);
  }
  return [{ shape: x!.shape, data }];
}

const cases = [
  { name: "one", x: [1, 1, 1], S: 1, starts: 1 },
  { name: "a token of an odd width", x: [3, 7, 5], S: 1, starts: 7 },
  { name: "a token of 64", x: [2, 33, 64], S: 1, starts: 33 },
  { name: "several", x: [2, 19, 12], S: 4, starts: 16 },
  { name: "all", x: [2, 5, 8], S: 5, starts: 1 },
  { name: "more than a block", x: [3, 40, 1032], S: 3, starts: 38 },
];

/**
 * x `[N, T, C]` with the places from `start` i32 `[1]` on replaced by part `[N, S, C]`: how keys and values are added to a
 * cache, in place where a program updates it. `start` is read when the program runs; it is from 0 to T - S. (XLA's op of this
 * name shifts other starts; here they are an error on the CPU, and nothing is replaced on a GPU.)
 */
export const dynamicUpdateSlice = defineOp<Record<string, never>>({
  name: "dynamic_update_slice",
  operands: [{ name: "x" }, { name: "part" }, { name: "start" }],
  storage: "f32",
  shape,
  encode: () => [],
  reference,
  inPlace: () => [[0, 0]],
  notDifferentiable: "state of generation",
  notInOnnx: "state of generation, which ONNX models do not keep",
  cases: cases.map(({ name, x: [N, T, C], S, starts }) => ({
    name,
    inputs: [{ shape: [N, T, C] }, { shape: [N, S, C] }, { shape: [1], dtype: "i32" as const, integer: starts }],
    attrs: {},
  })),
});
