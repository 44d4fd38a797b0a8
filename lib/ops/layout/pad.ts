import { layout } from "../../graph/attribute_layout.js";
import { misfit, operandError } from "../../graph/operands.js";
import { integers } from "../../graph/rules.js";
import { type Array64, defineOp, denseStrides, elements, isFloat, type TensorType } from "../../graph/tensor.js";

/** Zeros before and after the elements of each axis. */
export interface PadAttrs {
  low: readonly number[];
  high: readonly number[];
}

function shape([x]: (TensorType | null)[], a: PadAttrs): TensorType[] {
  if (!x) throw operandError("pad", "x", x, "an operand");
  for (const name of ["low", "high"] as const) {
    if (a[name].length !== x.shape.length)
      throw misfit("pad", name, `one integer per axis of x [${x.shape.join(", ")}]`, a[name]);
  }
  return [{ shape: x.shape.map((n, i) => a.low[i] + n + a.high[i]), dtype: x.dtype }];
}

function reference([x]: (Array64 | null)[], a: PadAttrs): Array64[] {
  const out = x!.shape.map((n, i) => a.low[i] + n + a.high[i]);
  const place = denseStrides(x!.shape);
  const to = denseStrides(out);
  const data = new Float64Array(elements(out));
  x!.data.forEach((v, i) => {
    data[x!.shape.reduce((at, n, d) => at + (a.low[d] + (Math.floor(i / place[d]) % n)) * to[d], 0)] = v;
  });
  return [{ shape: out, data }];
}

/** See {@link PadAttrs}: the gradient of `slice`. */
export const pad = defineOp<PadAttrs>({
  name: "pad",
  operands: [{ name: "x" }],
  attributes: { low: integers(0), high: integers(0) },
  anyType: true,
  halvesOnCpu: true,
  shape,
  layout: layout({ low: "int[]" }),
  reference,
  gradient: ({ inputs: [x], attrs, outGrads: [dy] }, g) => [
    isFloat(x!.dtype) ? g.slice(dy!, attrs.low, x!.shape) : null,
  ],
  notInOnnx: "only graphs with gradients have it",
});
