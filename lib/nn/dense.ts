import type { Tensor } from "../graph/tensor.js";
import { parameter } from "../graph/trace.js";
import { count, layer, options as checked, tensor, wrong } from "./check.js";
import type { InitialValue } from "./initial.js";
import * as core from "./layers.js";
import { withInitial } from "./parameters.js";

export interface LinearOptions {
  /** Add `<key>.bias`. Default true. */
  bias?: boolean | undefined;
  /** Initial value of `<key>.weight`. Default: normal with deviation 1 / sqrt(in). */
  init?: InitialValue | undefined;
}

/** x Wᵀ + b: x `[..., in]` to `[..., outFeatures]`, with parameters `<key>.weight` `[outFeatures, in]` and `<key>.bias`. */
export function linear(x: Tensor, key: string, outFeatures: number, options?: LinearOptions): Tensor {
  return layer("linear", key, (name) => {
    const { bias = true, init } = checked(name, options, ["bias", "init"]);
    const { shape } = tensor(name, "x", x, { sizes: "[..., in]", dtype: "f32" });
    const y = core.linear(x, key, count(name, "outFeatures", outFeatures), { bias });
    withInitial(parameter(`${key}.weight`, [outFeatures, shape[shape.length - 1]]), init);
    return y;
  });
}

export interface EmbeddingOptions {
  /** Id of the padding: its row is read, but not trained. */
  padding?: number | undefined;
  /** Initial value of `<key>.weight`. Default: normal with deviation 1 / sqrt(width). */
  init?: InitialValue | undefined;
}

/** Rows of a table by id: ids i32 `[...]` to `[..., width]`, with the parameter `<key>.weight` `[rows, width]`. */
export function embedding(ids: Tensor, key: string, rows: number, width: number, options?: EmbeddingOptions): Tensor {
  return layer("embedding", key, (name) => {
    const { padding, init } = checked(name, options, ["padding", "init"]);
    tensor(name, "ids", ids, { dtype: "i32" });
    const shape = [count(name, "rows", rows), count(name, "width", width)];
    if (padding !== undefined && !(Number.isInteger(padding) && padding >= 0 && padding < rows)) {
      throw wrong(name, "padding", `an id below ${rows}`, padding);
    }
    const y = core.embedding(ids, key, rows, width, padding);
    withInitial(parameter(`${key}.weight`, shape), init);
    return y;
  });
}

/** The self-gate of S3D-G: x sigmoid(W mean(x) + b) of x `[N, ..., C]`, with `<key>.weight` `[C, C]` and `<key>.bias`. */
export const selfGate = (x: Tensor, key: string): Tensor =>
  layer("selfGate", key, (name) => core.selfGate(tensor(name, "x", x, { sizes: "[..., C]", dtype: "f32" }), key));
