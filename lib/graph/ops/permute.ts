import { defineOp, denseStrides, elements, shapeError } from "../tensor.js";

/** Axis `i` of the output is axis `order[i]` of the input: changes of layout. */
export const permute = defineOp<{ order: readonly number[] }>({
  name: "permute",
  shape: ([x], a) => {
    if ([...a.order].sort((p, q) => p - q).some((v, i) => v !== i) || a.order.length !== x!.shape.length) {
      throw shapeError("permute", `an order of ${x!.shape.length} axes`, a.order);
    }
    return [{ shape: a.order.map((i) => x!.shape[i]), dtype: "f32" }];
  },
  encode: (a) => [...a.order],
  reference: ([x], a) => {
    const out = a.order.map((i) => x!.shape[i]);
    const from = denseStrides(x!.shape);
    const place = denseStrides(out);
    const data = Float64Array.from({ length: elements(out) }, (_, i) => {
      const index = out.reduce((sum, n, d) => sum + (Math.floor(i / place[d]) % n) * from[a.order[d]], 0);
      return x!.data[index];
    });
    return [{ shape: out, data }];
  },
  // no node: the value is the same, its axes have other numbers
  toOnnx: ({ inputs: [x], outputs: [y], attrs: a }, emit) => {
    const { name, axes, nonNegative } = emit.value(x!);
    emit.set(y, name, { axes: axes.map((axis) => a.order.indexOf(axis)), nonNegative });
  },
  cases: [
    { name: "NCTHW to NTHWC", inputs: [{ shape: [2, 3, 4, 5, 6] }], attrs: { order: [0, 2, 3, 4, 1] } },
    { name: "transpose", inputs: [{ shape: [7, 9] }], attrs: { order: [1, 0] } },
  ],
});
