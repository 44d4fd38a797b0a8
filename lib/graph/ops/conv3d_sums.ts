import { type Array64, defineOp, elements, shapeError } from "../tensor.js";
import { type Conv3dAttrs, conv3d, conv3dAttrs, isDepthwise } from "./conv3d.js";

/** What is summed together: `kSumPositions` and `kSumLines` in native/cpp/ops/conv3d_sums.h. */
const POSITIONS = 64;
const LINES = 8;

/** The parts of the positions of a clip of the output `[N, T, H, W, C]`: how many, and which a position is in. */
function parts(a: Conv3dAttrs, channels: number, [, T, H, W]: readonly number[]) {
  const bands = Math.ceil(H / LINES);
  return isDepthwise(a, channels)
    ? {
        count: T * bands,
        of: (m: number) => Math.floor(m / W / H) * bands + Math.floor((Math.floor(m / W) % H) / LINES),
      }
    : { count: Math.ceil((T * H * W) / POSITIONS), of: (m: number) => Math.floor(m / POSITIONS) };
}

/** Whether there is a kernel that sums what it stores: not for depthwise windows without a height. */
export const canSum = (a: Conv3dAttrs, channels: number): boolean => !isDepthwise(a, channels) || a.kernel[1] > 1;

const x = (...shape: number[]) => ({ shape, integer: 4 });
const w = (...shape: number[]) => ({ shape, integer: 3 });

/**
 * conv3d that also sums its outputs over the positions of each clip: behind conv3d's outputs sums `[N, parts, Cout]` in
 * f32, each over 64 positions, or over 8 lines of a frame where the convolution is depthwise. A mean over all positions
 * then does not read the outputs again.
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
  encode: conv3d.encode,
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
  cases: [
    {
      name: "one position",
      inputs: [x(2, 1, 1, 1, 1), w(1, 1, 1, 1, 1)],
      attrs: conv3dAttrs({ outChannels: 1, kernel: [1, 1, 1] }),
    },
    {
      name: "1x3x3 odd",
      inputs: [x(2, 3, 7, 5, 13), w(37, 13, 1, 3, 3), w(37)],
      attrs: conv3dAttrs({ outChannels: 37, kernel: [1, 3, 3], low: [0, 1, 1], activation: "relu" }),
    },
    // clips that end in the middle of a tile of each width, of 64 rows and of 128
    ...[128, 96, 64, 24].flatMap((width) => [
      {
        name: `3x1x1 ${width} wide`,
        inputs: [x(2, 4, 5, 7, 16), w(width, 16, 3, 1, 1), w(width)],
        attrs: conv3dAttrs({ outChannels: width, kernel: [3, 1, 1], low: [1, 0, 0], activation: "relu" }),
      },
      {
        name: `pointwise ${width} wide`,
        inputs: [x(2, 2, 12, 13, 16), w(width, 16, 1, 1, 1), w(width)],
        attrs: conv3dAttrs({ outChannels: width, kernel: [1, 1, 1], activation: "relu" }),
      },
    ]),
    {
      name: "five outputs with scale",
      inputs: [x(2, 1, 9, 15, 16), w(68, 16, 1, 1, 1), w(68), null, w(2, 16)],
      attrs: conv3dAttrs({ outChannels: 68, kernel: [1, 1, 1], split: [8, 16, 24, 12, 8], activation: "relu" }),
    },
    {
      name: "grouped with residual",
      inputs: [x(2, 2, 6, 7, 16), w(16, 8, 1, 3, 3), w(16), x(2, 2, 6, 7, 16)],
      attrs: conv3dAttrs({ outChannels: 16, kernel: [1, 3, 3], low: [0, 1, 1], groups: 2 }),
    },
    // of X3D: accesses of 16, 4 and 2 bytes; bands of 8 lines and less
    ...[48, 54, 13].map((channels) => ({
      name: `depthwise of ${channels}`,
      inputs: [x(2, 3, 11, 7, channels), w(channels, 1, 3, 3, 3), w(channels), x(2, 3, 11, 7, channels)],
      attrs: conv3dAttrs({
        outChannels: channels,
        kernel: [3, 3, 3],
        low: [1, 1, 1],
        groups: channels,
        activation: "relu",
      }),
    })),
    {
      name: "depthwise swish, stride 2",
      inputs: [{ shape: [2, 2, 37, 13, 24] }, { shape: [24, 1, 3, 3, 3], scale: 0.4 }, { shape: [24] }],
      attrs: conv3dAttrs({
        outChannels: 24,
        kernel: [3, 3, 3],
        stride: [1, 2, 2],
        low: [1, 1, 1],
        groups: 24,
        activation: "swish",
      }),
    },
    {
      name: "depthwise of more channels than a block's",
      inputs: [x(1, 1, 3, 4, 2100), w(2100, 1, 1, 2, 1)],
      attrs: conv3dAttrs({ outChannels: 2100, kernel: [1, 2, 1], groups: 2100 }),
    },
    {
      name: "random",
      inputs: [{ shape: [3, 2, 9, 10, 24] }, { shape: [40, 24, 1, 1, 1], scale: 0.3 }, { shape: [40] }],
      attrs: conv3dAttrs({ outChannels: 40, kernel: [1, 1, 1], activation: "relu" }),
    },
  ],
});
