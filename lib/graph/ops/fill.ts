import { type DType, defineOp, elements } from "../tensor.js";

export interface FillAttrs {
  shape: readonly number[];
  value: number;
  /** Default f32. */
  dtype?: DType | undefined;
}

/** A tensor that holds one value everywhere. */
export const fill = defineOp<FillAttrs>({
  name: "fill",
  operands: [],
  halvesOnCpu: true,
  shape: (_, a) => [{ shape: a.shape, dtype: a.dtype ?? "f32" }],
  encode: (a) => [a.value],
  reference: (_, a) => [{ shape: a.shape, data: new Float64Array(elements(a.shape)).fill(a.value) }],
  gradient: () => [],
  toOnnx: ({ outputs: [y], attrs: a }, emit) =>
    emit.set(y, emit.floats(new Array<number>(elements(a.shape)).fill(a.value), a.shape)),
  cases: [
    { name: "scalar", inputs: [], attrs: { shape: [], value: -2 } },
    { name: "odd", inputs: [], attrs: { shape: [3, 37], value: 0.5 } },
    { name: "more than a block", inputs: [], attrs: { shape: [2, 4104], value: 1 } },
    { name: "f16", inputs: [], attrs: { shape: [5, 8], value: 1.5, dtype: "f16" as const } },
    { name: "bf16", inputs: [], attrs: { shape: [5, 7], value: -3, dtype: "bf16" as const } },
  ],
});
