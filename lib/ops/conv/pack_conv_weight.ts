import { layout } from "../../graph/attribute_layout.js";
import { type Array64, defineOp, elements, shapeError, type TensorType } from "../../graph/tensor.js";
import { requireF32 } from "../storage.js";

/** Layout of weights on the CPU: see native/cpp/cpu/gemm/panels.h. */
export interface PackAttrs {
  groups: number;
  split: readonly number[];
  /** Columns of a panel: two vectors of the instruction set. */
  panelWidth: number;
}

const isDepthwise = (shape: readonly number[], groups: number) => groups > 1 && shape[1] === 1 && shape[0] === groups;

/** Widths of the panels for `columns` columns. */
export function panelWidths(columns: number, panel: number): number[] {
  const widths: number[] = [];
  for (let left = columns; left > 0; left -= panel) widths.push(left > panel / 2 ? panel : panel / 2);
  return widths;
}

function shape([weight]: (TensorType | null)[], a: PackAttrs): TensorType[] {
  if (!weight || weight.shape.length < 2) throw shapeError("pack_conv_weight", "a weight", weight?.shape ?? "none");
  requireF32("pack_conv_weight", weight);
  const depth = elements(weight.shape.slice(1));
  if (isDepthwise(weight.shape, a.groups)) return [{ shape: [elements(weight.shape)], dtype: "f32" }];
  let size = 0;
  for (const width of a.split) {
    for (const w of panelWidths(width / a.groups, a.panelWidth)) size += w * depth * a.groups;
  }
  return [{ shape: [size], dtype: "f32" }];
}

function reference([weight]: (Array64 | null)[], a: PackAttrs): Array64[] {
  const w = weight!;
  const size = shape([{ shape: w.shape, dtype: "f32" }], a)[0].shape;
  const y = new Float64Array(size[0]);
  const channels = w.shape[1];
  const taps = elements(w.shape.slice(2));
  let at = 0;
  if (isDepthwise(w.shape, a.groups)) {
    for (let t = 0; t < taps; t++) for (let o = 0; o < w.shape[0]; o++) y[at++] = w.data[o * taps + t];
    return [{ shape: size, data: y }];
  }
  let first = 0;
  for (let g = 0; g < a.groups; g++) {
    for (const width of a.split) {
      const columns = width / a.groups;
      let column = 0;
      for (const panel of panelWidths(columns, a.panelWidth)) {
        for (let t = 0; t < taps; t++)
          for (let c = 0; c < channels; c++)
            for (let o = column; o < column + panel; o++, at++)
              y[at] = o < columns ? w.data[((first + o) * channels + c) * taps + t] : 0;
        column += a.panelWidth;
      }
      first += columns;
    }
  }
  return [{ shape: size, data: y }];
}

/** Packs a convolution or linear weight for the CPU's matrix micro-kernel. */
export const packConvWeight = defineOp<PackAttrs>({
  name: "pack_conv_weight",
  operands: [{ name: "weight" }],
  notOnGpu: "the weight layout of the CPU kernels",
  shape,
  layout: layout({ groups: "int", split: "int[]" }),
  reference,
  notInOnnx: "the layout of one device: graphs are exported before their weights are packed",
  // a test case replaces panelWidth 0 by the device's value
  notDifferentiable: "a layout of weights, made by a pass after differentiation",
});
