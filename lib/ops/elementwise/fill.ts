import { layout } from "../../graph/attribute_layout.js";
import { type DType, defineOp, elements } from "../../graph/tensor.js";

export interface FillAttrs {
  shape: readonly number[];
  value: number;
  /** Default f32. */
  dtype?: DType | undefined;
}

/** A tensor with one value everywhere. */
export const fill = defineOp<FillAttrs>({
  name: "fill",
  operands: [],
  halvesOnCpu: true,
  shape: (_, a) => [{ shape: a.shape, dtype: a.dtype ?? "f32" }],
  layout: layout({ value: "float" }),
  reference: (_, a) => [{ shape: a.shape, data: new Float64Array(elements(a.shape)).fill(a.value) }],
  gradient: () => [],
  toOnnx: ({ outputs: [y], attrs: a }, emit) =>
    emit.set(y, emit.floats(new Array<number>(elements(a.shape)).fill(a.value), a.shape)),
});
