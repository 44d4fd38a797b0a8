import { defineOp, packing, shapeError } from "../../graph/tensor.js";
import { type Conv3dAttrs, conv3d } from "./conv3d.js";
import { packWinogradWeight } from "./pack_winograd_weight.js";

/** Whether {@link winogradConv3d} can compute the convolution: 1x3x3 or 3x1x1, stride 1, one group, one output. */
export function fitsWinograd(a: Conv3dAttrs): boolean {
  const kernel = a.kernel.join("x");
  return (
    (kernel === "1x3x3" || kernel === "3x1x1") &&
    a.stride.every((s) => s === 1) &&
    a.groups === 1 &&
    a.split.length === 1
  );
}

/** conv3d by minimal filtering F(4x4, 3x3) and F(4, 3): inputs x, weight, bias, residual as `conv3d`. */
export const winogradConv3d = defineOp<Conv3dAttrs>({
  name: "winograd_conv3d",
  bf16OnCpu: () => true,
  operands: conv3d.operands.slice(0, 4),
  notOnGpu: "a pass of the CPU makes it",
  packedOnCpu: (_, { panelWidth }) => [packing(1, packWinogradWeight, { panelWidth })],
  shape: (inputs, a) => {
    if (!fitsWinograd(a)) throw shapeError("winograd_conv3d", "1x3x3 or 3x1x1 with stride 1 and one group", a.kernel);
    return conv3d.shape(inputs.slice(0, 4), a);
  },
  layout: conv3d.layout,
  notInOnnx: "compile() makes it from a conv3d",
  reference: (inputs, a) => conv3d.reference(inputs.slice(0, 4), a),
  notDifferentiable: "made by a pass of the CPU after differentiation",
});
