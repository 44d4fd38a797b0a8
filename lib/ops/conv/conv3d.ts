import { layout } from "../../graph/attribute_layout.js";
import { channelsFirst, type OnnxEmitter, type OnnxNode } from "../../graph/onnx_emitter.js";
import { checkFilled, checkOperand, FLOATS, misfit } from "../../graph/operands.js";
import { type Array64, defineOp, denseStrides, elements, packing, type TensorType } from "../../graph/tensor.js";
import {
  CHANNELS_IN_ROWS,
  type Conv3dAttrs,
  conv3dRules,
  isDepthwise,
  isPointwise,
  TAPS_IN_ROWS,
} from "./conv3d_attrs.js";
import { conv3dGradient } from "./conv3d_gradient.js";
import { packConvWeight } from "./pack_conv_weight.js";
import { isNonNegative, onnxForms } from "../elementwise/unary.js";
import { activationNumber, unaryFunctions } from "../elementwise/unary_kinds.js";

export { type Conv3dAttrs, conv3dAttrs, isDepthwise, isPointwise, type Triple } from "./conv3d_attrs.js";

function shape(inputs: (TensorType | null)[], a: Conv3dAttrs): TensorType[] {
  const [given, weight, bias, residual, scale] = inputs;
  const x = checkOperand("conv3d", "x", given, ["N", "T", "H", "W", "Cin"]);
  checkFilled("conv3d", "x", x, 1);
  const [N, , , , channels] = x.shape;
  if (channels % a.groups || a.outChannels % a.groups) {
    throw misfit("conv3d", "groups", `a divisor of ${channels} and ${a.outChannels} channels`, a.groups);
  }
  const want = a.packed ? ["..."] : [a.outChannels, channels / a.groups, ...a.kernel];
  checkOperand("conv3d", "weight", weight, want, FLOATS, `x is [${x.shape.join(", ")}], groups ${a.groups}`);
  if (bias) checkOperand("conv3d", "bias", bias, [a.outChannels], ["f32"]);
  if (scale) {
    checkOperand("conv3d", "scale", scale, [N, channels], [x.dtype]);
    if (!isPointwise(a)) throw misfit("conv3d", "scale", "none, but in a pointwise convolution", scale.shape);
  }
  if (a.split.reduce((p, q) => p + q, 0) !== a.outChannels || (a.split.length > 1 && a.groups > 1)) {
    throw misfit("conv3d", "split", `widths that add up to ${a.outChannels} channels of one group`, a.split);
  }
  const size = a.kernel.map((k, i) => {
    const padded = x.shape[1 + i] + a.low[i] + a.high[i];
    if (padded < k) throw misfit("conv3d", "x", `at least ${k} positions along ${"THW"[i]} (padding counted)`, x.shape);
    return Math.floor((padded - k) / a.stride[i]) + 1;
  });
  const outputs = a.split.map((width) => ({ shape: [N, ...size, width], dtype: x.dtype }));
  if (residual) {
    checkOperand("conv3d", "residual", residual, outputs[0].shape, [x.dtype]);
    if (a.split.length > 1) throw misfit("conv3d", "residual", "none, where there are several outputs", residual.shape);
  }
  return outputs;
}

function reference(inputs: (Array64 | null)[], a: Conv3dAttrs): Array64[] {
  const [x, weight, bias, residual, scale] = inputs as [Array64, Array64, Array64?, Array64?, Array64?];
  const types = [x, weight, bias, residual, scale].map((v) => (v ? { shape: v.shape, dtype: "f32" as const } : null));
  const full = shape(types, { ...a, split: [a.outChannels] })[0].shape;
  const [N, T, H, W, O] = full;
  const C = x.shape[4];
  const perGroup = C / a.groups;
  const xs = denseStrides(x.shape);
  const ws = denseStrides(weight.shape);
  const y = new Float64Array(elements(full));
  const f = a.activation === "none" ? (v: number) => v : unaryFunctions[a.activation];
  let at = 0;
  for (let n = 0; n < N; n++)
    for (let t = 0; t < T; t++)
      for (let h = 0; h < H; h++)
        for (let w = 0; w < W; w++)
          for (let o = 0; o < O; o++, at++) {
            const c0 = Math.floor(o / (O / a.groups)) * perGroup;
            let sum = 0;
            for (let kt = 0; kt < a.kernel[0]; kt++) {
              const it = t * a.stride[0] + kt - a.low[0];
              if (it < 0 || it >= x.shape[1]) continue;
              for (let kh = 0; kh < a.kernel[1]; kh++) {
                const ih = h * a.stride[1] + kh - a.low[1];
                if (ih < 0 || ih >= x.shape[2]) continue;
                for (let kw = 0; kw < a.kernel[2]; kw++) {
                  const iw = w * a.stride[2] + kw - a.low[2];
                  if (iw < 0 || iw >= x.shape[3]) continue;
                  const xi = n * xs[0] + it * xs[1] + ih * xs[2] + iw * xs[3] + c0;
                  const wi = o * ws[0] + kt * ws[2] + kh * ws[3] + kw * ws[4];
                  for (let c = 0; c < perGroup; c++) {
                    sum += x.data[xi + c] * (scale ? scale.data[n * C + c] : 1) * weight.data[wi + c * ws[1]];
                  }
                }
              }
            }
            const v = sum + (bias ? bias.data[o] : 0) + (residual ? residual.data[at] : 0);
            y[at] = f(v);
          }
  let first = 0;
  return a.split.map((width) => {
    const data = new Float64Array((y.length / O) * width);
    for (let r = 0; r < y.length / O; r++) data.set(y.subarray(r * O + first, r * O + first + width), r * width);
    first += width;
    return { shape: [...full.slice(0, 4), width], data };
  });
}

function toOnnx({ inputs, outputs, attrs: a }: OnnxNode<Conv3dAttrs>, emit: OnnxEmitter): void {
  const [x, weight, bias, residual, scale] = inputs;
  const axes = channelsFirst(5);
  let name = emit.arranged(x!, axes);
  if (scale) {
    const factor = emit.reshaped(scale, [scale.shape[0], 1, 1, 1, scale.shape[1]], axes);
    name = emit.node("Mul", [name, factor]);
  }
  name = emit.node("Conv", [name, emit.arranged(weight!), bias ? emit.arranged(bias) : null], {
    kernel_shape: a.kernel,
    strides: a.stride,
    pads: [...a.low, ...a.high],
    group: a.groups,
  });
  if (residual) name = emit.node("Add", [name, emit.arranged(residual, axes)]);
  if (a.activation !== "none") name = onnxForms[a.activation](emit, name);
  const parts =
    outputs.length > 1 ? emit.nodes("Split", [name, emit.integers(a.split)], { axis: 1 }, outputs.length) : [name];
  outputs.forEach((output, i) => {
    emit.set(output, parts[i], { axes, nonNegative: a.activation !== "none" && isNonNegative(a.activation) });
  });
}

/** See {@link Conv3dAttrs}. */
export const conv3d = defineOp<Conv3dAttrs>({
  name: "conv3d",
  bf16OnCpu: (a, [x]) => isDepthwise(a, x!.shape[4]),
  operands: [
    { name: "x", batched: true },
    { name: "weight" },
    { name: "bias", f32: true },
    { name: "residual", batched: true },
    { name: "scale", batched: true },
  ],
  tf32: true,
  multiplyAdds: (inputs, [{ shape: y }], { outChannels }) =>
    elements(y.slice(0, -1)) * outChannels * elements(inputs[1]!.shape.slice(1)),
  attributes: conv3dRules,
  packedOnCpu: ({ groups, split }, { panelWidth }) => [packing(1, packConvWeight, { groups, split, panelWidth })],
  axesOnGpu: (a, [x]) => (isDepthwise(a, x!.shape[4]) ? TAPS_IN_ROWS : CHANNELS_IN_ROWS),
  shape,
  layout: layout(
    {
      groups: "int",
      outChannels: "int",
      activation: "int",
      kernel: "int[3]",
      stride: "int[3]",
      low: "int[3]",
      high: "int[3]",
      split: "int[]",
    },
    (a) => ({ ...a, activation: activationNumber(a.activation) }),
  ),
  reference,
  gradient: conv3dGradient,
  toOnnx,
});
