import type { GradientBuilder, GradientNode, OpDefinition, Tensor } from "../../graph/tensor.js";
import { applyOp } from "../../graph/trace.js";
import { concat } from "../layout/concat.js";
import { type Conv3dAttrs, conv3dAttrs, type Triple } from "./conv3d_attrs.js";
import { conv3dGradInput } from "./conv3d_grad_input.js";
import { conv3dGradWeight } from "./conv3d_grad_weight.js";
import { scaleChannels } from "../norm/scale_channels.js";
import { transposeConvWeight } from "./transpose_conv_weight.js";
import { throughUnary } from "../elementwise/unary_grad.js";

/**
 * Gradient with respect to the input. With stride 1 it is a convolution of dy with the transposed weight and padding
 * kernel - 1 - padding, so all convolution kernels apply; otherwise it is `conv3d_grad_input`.
 */
function inputGradient(
  conv3d: OpDefinition<Conv3dAttrs>,
  x: Tensor,
  weight: Tensor,
  dy: Tensor,
  a: Conv3dAttrs,
): Tensor {
  const { kernel, stride, groups } = a;
  const [transposed] = applyOp(transposeConvWeight, [weight], { groups });
  const inChannels = x.shape[4];
  const low = kernel.map((k, i) => k - 1 - a.low[i]) as unknown as Triple;
  const high = kernel.map((k, i) => k - 1 - a.high[i]) as unknown as Triple;
  if (stride.every((s) => s === 1) && [...low, ...high].every((n) => n >= 0)) {
    const attrs = conv3dAttrs({ outChannels: inChannels, kernel, low, high, groups });
    return applyOp(conv3d, [dy, transposed, null, null, null], attrs)[0];
  }
  const size = x.shape.slice(1, 4) as unknown as Triple;
  return applyOp(conv3dGradInput, [dy, transposed], { inChannels, size, kernel, stride, low: a.low, groups })[0];
}

/** Gradient rule of `conv3d`: x, weight, bias, residual and scale. */
export function conv3dGradient(node: GradientNode<Conv3dAttrs>, g: GradientBuilder): (Tensor | null)[] {
  const { op: conv3d, inputs, outputs, attrs: a, outGrads, needs } = node;
  const [x, weight, bias, residual, scale] = inputs as [Tensor, Tensor, Tensor?, Tensor?, Tensor?];
  // ReLU's derivative follows from its output; other activations need their input, so the convolution is recomputed
  const known = a.activation === "none" || a.activation === "relu";
  const values = known ? outputs : applyOp(conv3d, inputs, { ...a, activation: "none" });
  const parts = values.map((value, i) => {
    const dy = outGrads[i] ?? g.fill(value.shape, 0);
    return a.activation === "none" ? dy : throughUnary(a.activation, value, dy);
  });
  const dz = parts.length > 1 ? applyOp(concat, parts, { axis: 4 })[0] : parts[0];
  const wanted = (slot: number, tensor: Tensor | null | undefined) => tensor && needs[slot];
  const scaled = scale
    ? (tensor: Tensor) => applyOp(scaleChannels, [tensor, scale], {})[0]
    : (tensor: Tensor) => tensor;
  const { kernel, stride, low, groups } = a;
  const dxs = needs[0] || wanted(4, scale) ? inputGradient(conv3d, x, weight, dz, a) : null;
  return [
    needs[0] ? scaled(dxs!) : null,
    needs[1] ? applyOp(conv3dGradWeight, [scaled(x), dz], { kernel, stride, low, groups })[0] : null,
    wanted(2, bias) ? g.sum(dz, [0, 1, 2, 3]) : null,
    wanted(3, residual) ? dz : null,
    wanted(4, scale) ? g.sum(g.mul(dxs!, x), [1, 2, 3]) : null,
  ];
}
