import { type Array64, defineOp, elements, shapeError } from "../../graph/tensor.js";
import { type Conv3dAttrs, conv3d, isDepthwise } from "./conv3d.js";

/** Positions and lines per sum: `kSumPositions` and `kSumLines` in native/cpp/ops/conv/conv3d_sums.h. */
const POSITIONS = 64;
const LINES = 8;

/**
 * Number of partial sums of one clip of the output `[N, T, H, W, C]`, and the index of the partial sum of a position.
 */
function parts(a: Conv3dAttrs, channels: number, [, T, H, W]: readonly number[]) {
  const bands = Math.ceil(H / LINES);
  return isDepthwise(a, channels)
    ? {
        count: T * bands,
        of: (m: number) => Math.floor(m / W / H) * bands + Math.floor((Math.floor(m / W) % H) / LINES),
      }
    : { count: Math.ceil((T * H * W) / POSITIONS), of: (m: number) => Math.floor(m / POSITIONS) };
}

/** Whether a kernel can sum its outputs: all but depthwise windows of height 1. */
export const canSum = (a: Conv3dAttrs, channels: number): boolean => !isDepthwise(a, channels) || a.kernel[1] > 1;

/**
 * conv3d that also sums its outputs over positions. After conv3d's outputs it has partial sums `[N, parts, Cout]` in
 * f32, each over 64 positions of a clip, or over 8 lines of a frame for a depthwise convolution. A mean over all
 * positions then need not read the outputs again.
 */
export const conv3dSums = defineOp<Conv3dAttrs>({
  name: "conv3d_sums",
  operands: conv3d.operands,
  packedOnCpu: conv3d.packedOnCpu!,
  axesOnGpu: conv3d.axesOnGpu!,
  shape: (inputs, a) => {
    const outputs = conv3d.shape(inputs, a);
    const channels = inputs[0]!.shape[4];
    if (!canSum(a, channels)) throw shapeError("conv3d_sums", "a depthwise window with a height", a.kernel);
    const { shape } = outputs[0];
    return [...outputs, { shape: [shape[0], parts(a, channels, shape).count, a.outChannels], dtype: "f32" }];
  },
  multiplyAdds: conv3d.multiplyAdds!,
  layout: conv3d.layout,
  reference: (inputs, a): Array64[] => {
    const outputs = conv3d.reference(inputs, a);
    const [N, T, H, W] = outputs[0].shape;
    const positions = T * H * W;
    const { count, of } = parts(a, inputs[0]!.shape[4], outputs[0].shape);
    const shape = [N, count, a.outChannels];
    const data = new Float64Array(elements(shape));
    let first = 0;
    outputs.forEach((y, s) => {
      y.data.forEach((v, i) => {
        const [row, channel] = [Math.floor(i / a.split[s]), i % a.split[s]];
        const part = Math.floor(row / positions) * count + of(row % positions);
        data[part * a.outChannels + first + channel] += v;
      });
      first += a.split[s];
    });
    return [...outputs, { shape, data }];
  },
  notInOnnx: "compile() makes it from a conv3d",
  notDifferentiable: "compile() makes it from a conv3d",
});
