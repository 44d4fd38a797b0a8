import { type Array64, defineOp, shapeError, type TensorType } from "../../graph/tensor.js";
import { panelWidths } from "./pack_conv_weight.js";
import { requireF32 } from "../storage.js";

/** Points per axis of F(4, 3), and the interpolation points other than 0 and infinity: see ops/winograd_conv3d.h. */
const POINTS = 6;
const A = 0.625;
const B = 1.25;

/** Layout of weights on the CPU: see native/cpp/ops/conv/pack_winograd_weight.h. */
export interface PackWinogradAttrs {
  /** Columns of a panel: two vectors of the instruction set. */
  panelWidth: number;
}

function sizes(weight: TensorType | null, a: PackWinogradAttrs) {
  const [columns, channels, kT, kH, kW] = weight?.shape ?? [];
  const spatial = kT === 1 && kH === 3 && kW === 3;
  if (!spatial && !(kT === 3 && kH === 1 && kW === 1)) {
    throw shapeError("pack_winograd_weight", "a weight of 1x3x3 or 3x1x1 taps", weight?.shape ?? "none");
  }
  requireF32("pack_winograd_weight", weight);
  return { columns, channels, spatial, widths: panelWidths(columns, a.panelWidth) };
}

function transform(g: ArrayLike<number>): number[] {
  const [a2, b2] = [A * A, B * B];
  const at = (p: number, n: number) => (g[0] + p * g[1] + p * p * g[2]) / n;
  const na = 2 * a2 * (a2 - b2);
  const nb = 2 * b2 * (b2 - a2);
  return [g[0] / (a2 * b2), at(A, na), at(-A, na), at(B, nb), at(-B, nb), g[2]];
}

function reference([weight]: (Array64 | null)[], a: PackWinogradAttrs): Array64[] {
  const w = weight!;
  const { columns, channels, spatial, widths } = sizes({ shape: w.shape, dtype: "f32" }, a);
  const taps = spatial ? 9 : 3;
  const points = spatial ? POINTS * POINTS : POINTS;
  const y: number[] = [];
  widths.forEach((width, panel) => {
    const block = new Float64Array(points * channels * width);
    for (let o = 0; o < width; o++) {
      const column = panel * a.panelWidth + o;
      if (column >= columns) continue;
      for (let c = 0; c < channels; c++) {
        const g = w.data.subarray((column * channels + c) * taps, (column * channels + c + 1) * taps);
        const u = spatial ? transformBoth(g) : transform(g);
        u.forEach((value, e) => {
          block[(e * channels + c) * width + o] = value;
        });
      }
    }
    y.push(...block);
  });
  return [{ shape: [y.length], data: Float64Array.from(y) }];
}

/** G g Gᵀ, row-major. */
function transformBoth(g: Float64Array): number[] {
  const columns = [0, 1, 2].map((x) => transform([g[x], g[3 + x], g[6 + x]]));
  return Array.from({ length: POINTS }, (_, i) => transform(columns.map((column) => column[i]))).flat();
}

/** Transforms the weight of a {@link winogradConv3d} to Winograd's domain. */
export const packWinogradWeight = defineOp<PackWinogradAttrs>({
  name: "pack_winograd_weight",
  operands: [{ name: "weight" }],
  notOnGpu: "the weight layout of the CPU kernels",
  shape: ([weight], a) => {
    const { channels, spatial, widths } = sizes(weight, a);
    const columns = widths.reduce((p, q) => p + q, 0);
    return [{ shape: [columns * channels * (spatial ? POINTS * POINTS : POINTS)], dtype: "f32" }];
  },
  notInOnnx: "compile() makes it from a conv3d",
  reference,
  // a test case replaces panelWidth 0 by the device's value
  notDifferentiable: "a layout of weights, made by a pass after differentiation",
});
