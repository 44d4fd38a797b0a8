import { type Array64, defineOp, packing, shapeError, type TensorType } from "../../graph/tensor.js";
import { type Conv3dAttrs, conv3d, conv3dAttrs, isDepthwise } from "./conv3d.js";
import { packConvWeight } from "./pack_conv_weight.js";

/**
 * Whether {@link expandDepthwise} supports the window: width 3, stride 1 or 2, and at most one position of padding
 * along W.
 */
export function fitsExpandDepthwise(a: Conv3dAttrs): boolean {
  const lines = a.kernel[0] * a.kernel[1];
  return a.kernel[2] === 3 && a.stride[2] <= 2 && a.low[2] <= 1 && a.high[2] <= 1 && lines <= 49;
}

/** The attributes of the 1x1x1 convolution before the depthwise one. */
const expansion = (a: Conv3dAttrs, packed?: boolean): Conv3dAttrs =>
  conv3dAttrs({ outChannels: a.outChannels, kernel: [1, 1, 1], activation: "relu", ...(packed ? { packed } : {}) });

/**
 * relu(conv3d 1x1x1), then a depthwise conv3d. The attributes are those of the second; inputs are x, weight and bias of
 * the first, weight and bias of the second.
 */
export const expandDepthwise = defineOp<Conv3dAttrs>({
  name: "expand_depthwise",
  operands: [
    { name: "x", batched: true },
    { name: "expand" },
    { name: "expandBias", f32: true },
    { name: "weight" },
    { name: "bias", f32: true },
  ],
  notOnGpu: "a pass of the CPU makes it",
  packedOnCpu: ({ groups, split }, { panelWidth }) => [
    packing(1, packConvWeight, { groups: 1, split, panelWidth }),
    packing(3, packConvWeight, { groups, split, panelWidth }),
  ],
  shape: ([x, expand, expandBias, weight, bias], a) => {
    if (!isDepthwise(a, a.outChannels) || !fitsExpandDepthwise(a))
      throw shapeError("expand_depthwise", "a depthwise window 3 wide, stride 1 or 2", a.kernel);
    const inputs: (TensorType | null)[] = [x, expand, expandBias ?? null];
    const [inner] = conv3d.shape(inputs, expansion(a, a.packed));
    return conv3d.shape([inner, weight, bias ?? null], a);
  },
  layout: conv3d.layout,
  notInOnnx: "compile() makes it from two conv3d",
  reference: ([x, expand, expandBias, weight, bias], a) => {
    const inputs: (Array64 | null)[] = [x, expand, expandBias ?? null];
    const [inner] = conv3d.reference(inputs, expansion(a));
    return conv3d.reference([inner, weight, bias ?? null], a);
  },
  notDifferentiable: "made by a pass of the CPU after differentiation",
});
