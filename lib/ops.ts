/**
 * The kernels alone, on typed arrays: `import { conv3d } from 'videoclip/ops'`. Activations are channels-last
 * (`[N, T, H, W, C]` video, `[..., C]` rows), dense and row-major; weights have PyTorch's shapes. Every call is a program
 * of one or a few instructions that runs off the event loop; programs are cached by shape.
 *
 * Values are `{ data, shape }`. Inputs are copied before a call returns, so they may then be changed, with two exceptions: arrays
 * of `allocate` are read in place, and so is a result whose `data` has not been read. The result of one op is thus passed to the
 * next without a copy.
 *
 * A wrong argument rejects with an InvalidArgumentError (ShapeError and DTypeError for operands that do not fit together) with
 * the argument, the expected and the received value; insufficient memory rejects with an OutOfMemoryError.
 */
export type { BinaryKind, PreprocessAttrs, Triple, UnaryKind } from "./ops/index.js";
export type { Padding, PaddingEnds, PaddingOptions } from "./ops/conv/padding.js";
export type { DType } from "./graph/tensor.js";
export type { NDArray } from "./base/nd_array.js";
export { attention, type AttentionOptions } from "./eager/attention.js";
export { conv3d, type Conv3dOptions } from "./eager/convolution.js";
export { allocate, configure, dispose } from "./eager/device.js";
export { binary, scaleChannels, selfGate, unary } from "./eager/elementwise.js";
export { concat, pad, permute, preprocess, slice, spaceToDepth } from "./eager/layout.js";
export {
  contrastiveLoss,
  type ContrastiveLossOptions,
  crossEntropy,
  type CrossEntropyOptions,
} from "./eager/losses.js";
export {
  embedding,
  linear,
  type LinearOptions,
  matmul,
  type MatmulOptions,
  topK,
  type TopKOptions,
} from "./eager/matrix.js";
export {
  batchNorm,
  type BatchNormOptions,
  type BatchNormParameters,
  l2Normalize,
  type L2NormalizeOptions,
  layerNorm,
  type LayerNormOptions,
  softmax,
  type SoftmaxOptions,
} from "./eager/normalization.js";
export type { AnyArray, Bytes, Floats } from "./eager/array_types.js";
export type { Operand } from "./eager/operand.js";
export type { CallOptions, OutOptions } from "./eager/options.js";
export {
  avgPool3d,
  type AvgPoolOptions,
  globalMean,
  maxPool3d,
  type MaxPoolOptions,
  type PoolOptions,
} from "./eager/pooling.js";
export { reduceMax, type ReduceOptions, reduceSum } from "./eager/reduction.js";
export type { Result } from "./eager/result.js";
export { runOp } from "./eager/run.js";
export type { Float16Values } from "./base/typed_arrays.js";
