import { type Array64, defineOp, elements, shapeError } from "../tensor.js";
import { type Conv3dAttrs, conv3d, conv3dAttrs } from "./conv3d.js";

/** Positions of a clip that are summed together: `kSumPositions` in native/cpp/ops/conv3d_sums.h. */
const POSITIONS = 64;

const x = (...shape: number[]) => ({ shape, integer: 4 });
const w = (...shape: number[]) => ({ shape, integer: 3 });

/**
 * conv3d (any but depthwise) that also sums its outputs over the positions of each clip: behind conv3d's outputs sums
 * `[N, parts, Cout]` in f32, each over 64 positions. A mean over all positions then does not read the outputs again.
 */
export const conv3dSums = defineOp<Conv3dAttrs>({
  name: "conv3d_sums",
  operands: 5,
  shape: (inputs, a) => {
    const outputs = conv3d.shape(inputs, a);
    if (a.groups > 1 && a.groups === inputs[0]!.shape[4] && a.groups === a.outChannels) {
      throw shapeError("conv3d_sums", "a convolution that is not depthwise", [a.groups]);
    }
    const [N, T, H, W] = outputs[0].shape;
    return [...outputs, { shape: [N, Math.ceil((T * H * W) / POSITIONS), a.outChannels], dtype: "f32" }];
  },
  encode: conv3d.encode,
  reference: (inputs, a): Array64[] => {
    const outputs = conv3d.reference(inputs, a);
    const [N, T, H, W] = outputs[0].shape;
    const positions = T * H * W;
    const shape = [N, Math.ceil(positions / POSITIONS), a.outChannels];
    const data = new Float64Array(elements(shape));
    let first = 0;
    outputs.forEach((y, s) => {
      y.data.forEach((v, i) => {
        const [row, channel] = [Math.floor(i / a.split[s]), i % a.split[s]];
        const part = Math.floor(row / positions) * shape[1] + Math.floor((row % positions) / POSITIONS);
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
    {
      name: "random",
      inputs: [{ shape: [3, 2, 9, 10, 24] }, { shape: [40, 24, 1, 1, 1], scale: 0.3 }, { shape: [40] }],
      attrs: conv3dAttrs({ outChannels: 40, kernel: [1, 1, 1], activation: "relu" }),
    },
  ],
});
