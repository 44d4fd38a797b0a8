import { layout } from "../../graph/attribute_layout.js";
import { fromBits, toBfloat16 } from "../../base/half_floats.js";
import { type Array64, defineOp, shapeError, type TensorType } from "../../graph/tensor.js";
import { panelWidths } from "./pack_conv_weight.js";
import { requireF32 } from "../storage.js";

/** Layout of weights on the CPU: see native/cpp/ops/conv/pack_conv_weight_bf16.h. */
export interface PackBf16Attrs {
  split: readonly number[];
  /** Columns of a panel: two vectors of the instruction set. */
  panelWidth: number;
  /** The most pairs in a step of a product by tiles; 0 without tiles. */
  tileDepth: number;
}

function runs(weight: readonly number[], tileDepth: number) {
  const [, C, kT, kH, kW] = weight;
  const width = kW > 1 && C <= 32 && kW * C <= 4096 ? kW : 1;
  const count = (kT * kH * kW) / width;
  const length = width * C;
  const filled = Math.ceil(length / 2);
  const steps = tileDepth > 0 ? Math.ceil(filled / tileDepth) : 1;
  return { width, count, length, pairs: steps * Math.ceil(filled / steps) };
}

function shape([weight]: (TensorType | null)[], a: PackBf16Attrs): TensorType[] {
  if (weight?.shape.length !== 5) {
    throw shapeError("pack_conv_weight_bf16", "a weight [Cout, Cin, kT, kH, kW]", weight?.shape ?? "none");
  }
  requireF32("pack_conv_weight_bf16", weight);
  const { count, pairs } = runs(weight.shape, a.tileDepth);
  const columns = a.split.flatMap((width) => panelWidths(width, a.panelWidth)).reduce((p, q) => p + q, 0);
  return [{ shape: [columns * count * pairs], dtype: "f32" }];
}

function reference([weight]: (Array64 | null)[], a: PackBf16Attrs): Array64[] {
  const { shape: size, data: w } = weight!;
  const C = size[1];
  const { width, count, length, pairs } = runs(size, a.tileDepth);
  const taps = count * width;
  const y: number[] = [];
  let first = 0;
  for (const columns of a.split) {
    panelWidths(columns, a.panelWidth).forEach((panel, i) => {
      const half = (o: number, t: number, k: number) =>
        i * a.panelWidth + o < columns && k < length
          ? toBfloat16(w[((first + i * a.panelWidth + o) * C + (k % C)) * taps + t + Math.floor(k / C)])
          : 0;
      for (let t = 0; t < taps; t += width)
        for (let k = 0; k < pairs; k++)
          for (let o = 0; o < panel; o++) y.push(fromBits(half(o, t, 2 * k) | (half(o, t, 2 * k + 1) << 16)));
    });
    first += columns;
  }
  return [{ shape: [y.length], data: Float64Array.from(y) }];
}

/** Rounds a convolution's weight to bf16 and packs it in pairs for the dot products of a {@link conv3dBf16}. */
export const packConvWeightBf16 = defineOp<PackBf16Attrs>({
  name: "pack_conv_weight_bf16",
  operands: [{ name: "weight" }],
  notOnGpu: "the weight layout of the CPU kernels",
  shape,
  layout: layout({ split: "int[]" }),
  notInOnnx: "compile() makes it from a conv3d",
  reference,
  // a test case has the values of the device
  notDifferentiable: "a layout of weights, made by a pass after differentiation",
});
