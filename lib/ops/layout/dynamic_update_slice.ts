import { type Array64, defineOp, shapeError, type TensorType } from "../../graph/tensor.js";

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

/**
 * x `[N, T, C]` with the tokens from `start` i32 `[1]` on replaced by part `[N, S, C]`. It appends keys and values to a
 * cache, in place where a program updates the cache. `start` is read when the program runs and must be from 0 to T - S.
 * XLA's op of this name clamps other starts; here they are an error on the CPU, and on a GPU nothing is replaced.
 */
export const dynamicUpdateSlice = defineOp<Record<string, never>>({
  name: "dynamic_update_slice",
  operands: [{ name: "x" }, { name: "part" }, { name: "start" }],
  storage: "f32",
  shape,
  reference,
  inPlace: () => [[0, 0]],
  notDifferentiable: "state of generation",
  notInOnnx: "state of generation, which ONNX models do not keep",
});
