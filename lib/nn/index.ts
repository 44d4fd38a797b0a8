/**
 * Building, training and exporting models: `import * as nn from "videoclip/nn"`. A net is a function of symbolic
 * tensors that applies layers; a {@link Model} makes its parameters, and runs, saves and exports it. Activations are
 * channels-last (`[N, T, H, W, C]` video, `[N, S, C]` tokens); parameters have PyTorch's shapes.
 */
export type { DeviceOptions, Precision } from "../runtime/device.js";
export { compile, type CompileOptions } from "./compile.js";
export type {
  InputArray as ProgramArray,
  InstructionTime,
  Program,
  ProgramInputs,
  ProgramOutputs,
  RunOptions,
} from "../runtime/program.js";
export type { BinaryKind, ContrastiveLossAttrs, Triple, UnaryKind } from "../ops/index.js";
export type { DType, Tensor, TensorType } from "../graph/tensor.js";
export type { Padding } from "../ops/conv/padding.js";
export { type Graph, input, trace } from "../graph/trace.js";
export {
  type AttentionOptions,
  attention,
  selfAttention,
  type TransformerLayerOptions,
  transformerLayer,
} from "./attention.js";
export { conv3d, type ConvOptions, type WindowOptions } from "./convolution.js";
export { embedding, type EmbeddingOptions, linear, type LinearOptions, selfGate } from "./dense.js";
export {
  add,
  div,
  dropout,
  exp,
  gelu,
  maximum,
  mean,
  mul,
  relu,
  sigmoid,
  softmax,
  softplus,
  sub,
  sum,
  swish,
  tanh,
} from "./elementwise.js";
export type { Deviation, InitialValue } from "./initial.js";
export { batchNorm, type BatchNormOptions, l2Normalize, layerNorm, type LayerNormOptions } from "./normalization.js";
export { frozen, parameter, type ParameterOptions, scope } from "./parameters.js";
export { avgPool3d, type AvgPoolOptions, globalMax, globalMean, maxPool3d, type PoolOptions } from "./pooling.js";
export { concat, flatten, permute, reshape, slice, spaceToDepth } from "./shape.js";
export { type SinusoidLayout, sinusoids } from "../models/transformer/sinusoid.js";
/** Losses `[1]` of symbolic tensors. */
export * as losses from "./losses.js";
export type { LayerDescription, ModelDescription } from "../models/describe.js";
export {
  type LoadModelOptions,
  Model,
  type ModelOnnxOptions,
  type ModelOptions,
  type ModelOutput,
  type ModelRunOptions,
  type PretrainedModelOptions,
} from "../models/own/model.js";
export type { InputArray, InputDType, InputType, ModelInput } from "../models/own/model_inputs.js";
export type { Net } from "../models/own/model_net.js";
export type { ModelParameters } from "../models/own/model_parameters.js";
export type { PretrainedWeights } from "../models/own/model_weights.js";
export {
  preprocess,
  type PreprocessOptions,
  textEncoder,
  type TextEncoderLayerOptions,
  videoEncoder,
  type VideoEncoderLayerOptions,
} from "../models/own/net_encoders.js";
export type { VideoModelName } from "../models/video/video_models.js";
export type { OnnxModel } from "../onnx/model.js";
export type { Parameter } from "../train/step_program.js";
