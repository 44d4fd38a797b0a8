import { type DType } from "../base/dtypes.js";
import { ShapeError, VideoClipError } from "../base/errors.js";
import type { AttributeLayout } from "./attribute_layout.js";
import { type Attributes, callName } from "./rules.js";

export { type DType, DTYPE, ITEM_SIZE } from "../base/dtypes.js";

/** Shape and element type of a value. */
export interface TensorType {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** A value that will exist when the program runs: output `index` of `node`. */
export class Tensor implements TensorType {
  /** @internal */
  readonly node: Node;
  /** @internal */
  readonly index: number;
  readonly shape: readonly number[];
  readonly dtype: DType;

  /** @internal layers and ops make tensors */
  constructor(node: Node, index: number, shape: readonly number[], dtype: DType) {
    this.node = node;
    this.index = index;
    this.shape = shape;
    this.dtype = dtype;
  }
}

/** A dense row-major value in float64, for references. */
export interface Array64 {
  shape: readonly number[];
  data: Float64Array;
}

/** One input of an op. */
export interface Operand {
  /** Name in native/cpp/ops/<family>/<op>.h. */
  name: string;
  /** The kernel accepts strided rows, so it reads a slice of channels in place. */
  strided?: true | undefined;
  /** The operand stays f32 in any storage type of activations: a vector per channel, or a statistic. */
  f32?: true | undefined;
  /** Entries along the first axis are independent: each alone gives the same bits. */
  batched?: true | ((inputs: (TensorType | null)[], attrs: never) => boolean) | undefined;
}

/** How an op converts an input's weight into the layout that a kernel reads. */
export interface Packing {
  slot: number;
  op: OpDefinition<never>;
  attrs: unknown;
}

/** The facts of a CPU's kernels that decide how weights are packed. */
export interface CpuLayout {
  /** Columns of a panel: two vectors of the instruction set. */
  readonly panelWidth: number;
  /** The most pairs of bf16 in a step of a product by the tiles of a matrix unit; 0 without tiles. */
  readonly tileDepth: number;
}

export const packing = <A>(slot: number, op: OpDefinition<A>, attrs: A): Packing => ({
  slot,
  op: op as OpDefinition<never>,
  attrs,
});

/** One operation, with all facts that shape rules, passes, planner, backends and exporters need. */
export interface OpDefinition<A = unknown> {
  /** Also the name of its native kernels. */
  name: string;
  /** The inputs in order. Kernels always get all of them; a node may lack the last ones. */
  operands: readonly Operand[];
  /** A group of further inputs that may be repeated any number of times. */
  repeated?: readonly Operand[] | undefined;
  /**
   * The float type that the op computes on when activations are stored in 16 bits. Default: that type. `f32`:
   * optimizers, caches, and weights before rounding. `as given`: no conversion.
   */
  storage?: "f32" | "as given" | undefined;
  /** Whether its CPU kernel takes bf16 and f16. */
  halvesOnCpu?: true | undefined;
  /** Whether its CPU kernel takes bf16 activations, and f32 for weights and operands that are `f32`. */
  bf16OnCpu?(attrs: A, inputs: (TensorType | null)[]): boolean;
  /** The reason why there is no CUDA kernel, if there is none. */
  notOnGpu?: string | undefined;
  /** Whether a GPU of precision `tf32` rounds the operands of its products. */
  tf32?: true | undefined;
  /** The tensors that its kernels take as dense alone: they never get a place inside the buffer of a concat. */
  dense?: readonly ("inputs" | "outputs")[] | undefined;
  /** The op moves values of any type, also integers, without computing on them. */
  anyType?: true | undefined;
  /**
   * Inputs and outputs that are differentiated. Default: all. The others are constants, or kept for a backward pass.
   */
  differentiated?: { inputs?: readonly number[] | undefined; outputs?: readonly number[] | undefined } | undefined;
  /** There is no kernel: the output is the first input in another shape. */
  isView?: true | undefined;
  /** A rule per attribute, checked before `shape` reads the attributes of a new node. */
  attributes?: Attributes<A> | undefined;
  /** Types of the outputs; throws `ShapeError` when the inputs do not fit. `null` marks an absent optional input. */
  shape(inputs: (TensorType | null)[], attrs: A): TensorType[];
  /** Weights that the CPU kernel reads in another layout. */
  packedOnCpu?(attrs: A, cpu: CpuLayout): Packing[];
  /** The axis order in which the CUDA kernel reads its weight, input 1. */
  axesOnGpu?(attrs: A, inputs: (TensorType | null)[]): readonly number[];
  /** Multiply-adds of a matrix product. */
  multiplyAdds?(inputs: (TensorType | null)[], outputs: TensorType[], attrs: A): number;
  /** The attributes that its kernels read, and how they follow from those of a node. Without it the kernels read none. */
  layout?: AttributeLayout<A> | undefined;
  /** Plain float64 loops, the reference for every backend. */
  reference(inputs: (Array64 | null)[], attrs: A): Array64[];
  /**
   * Applies ops that compute the gradients of the inputs from the gradients of the outputs (see `differentiate`).
   * Returns a tensor of the input's shape per input, or null where `needs` is false or the gradient is zero. The rule
   * may read inputs and outputs of the node.
   */
  gradient?(node: GradientNode<A>, g: GradientBuilder): (Tensor | null)[];
  /** The reason why there is no `gradient`, if there can be none. */
  notDifferentiable?: string | undefined;
  /** Writes the op with ONNX's standard operators (lib/onnx). */
  toOnnx?(node: OnnxNode<A>, emit: OnnxEmitter): void;
  /** The reason why there is no `toOnnx`, if the op needs none. */
  notInOnnx?: string | undefined;
  /**
   * Pairs [output, input] that may share memory: the kernel reads each element of that input before it writes the same
   * element of that output, and reads no other element of the input afterwards.
   */
  inPlace?(inputs: (TensorType | null)[], attrs: A): [output: number, input: number][];
}

/** A node whose gradient is computed. */
export interface GradientNode<A> {
  /** The op of the node, for rules that apply it again. */
  op: OpDefinition<A>;
  inputs: (Tensor | null)[];
  outputs: Tensor[];
  attrs: A;
  /** Gradients of the outputs; null for an output that no differentiable node reads. */
  outGrads: (Tensor | null)[];
  /** For each input, whether its gradient is needed. */
  needs: boolean[];
}

/**
 * The arithmetic of gradient rules: ops on symbolic tensors. `differentiate` passes it to a rule. So the file of an op
 * need not import the ops of its gradient, whose gradients may in turn need that op.
 */
export interface GradientBuilder {
  /** a + b. This and the next three broadcast as NumPy does. */
  add(a: Tensor, b: Tensor): Tensor;
  sub(a: Tensor, b: Tensor): Tensor;
  mul(a: Tensor, b: Tensor): Tensor;
  div(a: Tensor, b: Tensor): Tensor;
  /** x times a number that is known at trace time. */
  scale(x: Tensor, factor: number): Tensor;
  /** A tensor with one value everywhere. */
  fill(shape: readonly number[], value: number): Tensor;
  /** The same elements in another shape; x itself if it has that shape. */
  reshape(x: Tensor, shape: readonly number[]): Tensor;
  /** The sum over the given axes, which the result does not have. */
  sum(x: Tensor, axes: readonly number[]): Tensor;
  /** The gradient of an operand of `shape` that was broadcast to the shape of x: the sum over the repeated elements. */
  sumTo(x: Tensor, shape: readonly number[]): Tensor;
  /** The block of `size` elements per axis that begins at `start`. */
  slice(x: Tensor, start: readonly number[], size: readonly number[]): Tensor;
  /** x with zeros before (`low`) and after (`high`) the elements of each axis. */
  pad(x: Tensor, low: readonly number[], high: readonly number[]): Tensor;
}

/** An attribute of an ONNX node: integers, a float (`{ float }`), or text. */
export type OnnxAttribute = number | readonly number[] | string | { float: number };

/** An ONNX value that holds one of our tensors. */
export interface OnnxValue {
  name: string;
  /**
   * Axis order: axis `i` of the ONNX value is axis `axes[i]` of the tensor. ONNX's convolutions and pools are
   * channels-first and ours channels-last; the order of each value is tracked so that few transposes are needed.
   */
  axes: readonly number[];
  /** Whether all elements are known to be >= 0. */
  nonNegative: boolean;
}

/** The interface through which an op's `toOnnx` writes nodes. */
export interface OnnxEmitter {
  /** The value of a tensor, in its current axis order. */
  value(tensor: Tensor): OnnxValue;
  /**
   * Name of a value of the tensor in the axis order `axes` (by default the tensor's). A Transpose is added if the value
   * has another order; parameters are stored transposed instead.
   */
  arranged(tensor: Tensor, axes?: readonly number[]): string;
  /** As `arranged`, for the tensor reshaped to `shape`: the same elements, with axes of size 1 inserted or removed. */
  reshaped(tensor: Tensor, shape: readonly number[], axes: readonly number[]): string;
  /** Adds a node with one output and returns the output's name. A null input is absent. */
  node(type: string, inputs: readonly (string | null)[], attributes?: Record<string, OnnxAttribute>): string;
  /** Adds a node with `count` outputs. */
  nodes(
    type: string,
    inputs: readonly (string | null)[],
    attributes: Record<string, OnnxAttribute>,
    count: number,
  ): string[];
  /** A constant int64 vector, as ONNX expects shapes, axes and paddings. */
  integers(values: readonly number[]): string;
  /** A constant float32 tensor. */
  floats(values: readonly number[], shape: readonly number[]): string;
  /** Registers the ONNX value of a node's output; `axes` default to the tensor's order. */
  set(
    tensor: Tensor,
    name: string,
    how?: { axes?: readonly number[] | undefined; nonNegative?: boolean | undefined },
  ): void;
}

/** A node with typed attributes. */
export type OnnxNode<A> = Omit<Node, "attrs"> & { attrs: A };

/** One application of an op in a graph. */
export interface Node {
  op: OpDefinition<never>;
  attrs: Record<string, unknown>;
  inputs: (Tensor | null)[];
  outputs: Tensor[];
  /** Name of the model's layer, for errors and `inspect`. */
  layer: string;
}

const definitions = new Map<string, OpDefinition<never>>();

/** Registers an op. @throws VideoClipError `ERR_INTERNAL` when the name is taken */
export function defineOp<A>(definition: OpDefinition<A>): OpDefinition<A> {
  if (definitions.has(definition.name)) {
    throw new VideoClipError("ERR_INTERNAL", `an op named ${definition.name} is already defined`);
  }
  definitions.set(definition.name, definition as OpDefinition<never>);
  return definition;
}

/** The operand at input `slot` of an op. */
export function operandOf(op: OpDefinition<never>, slot: number): Operand | undefined {
  const { operands, repeated = [] } = op;
  return operands[slot] ?? repeated[(slot - operands.length) % repeated.length];
}

/** All registered ops by name. */
export function opDefinitions(): ReadonlyMap<string, OpDefinition<never>> {
  return definitions;
}

export function elements(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** Element distances of a dense row-major tensor. */
export function denseStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  for (let i = shape.length - 1, step = 1; i >= 0; i--) {
    strides[i] = step;
    step *= shape[i];
  }
  return strides;
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((v, i) => v === b[i]);
}

/** The error that shape rules throw. */
export function shapeError(op: string, expected: string, received: readonly number[] | string): ShapeError {
  const text = typeof received === "string" ? received : `[${received.join(", ")}]`;
  return new ShapeError(`${callName(op)}: expected ${expected}, received ${text}`, { op, expected, received });
}

/** Whether a dtype is one of the storage types of activations. */
export const isFloat = (dtype: DType): boolean => dtype === "f32" || dtype === "bf16" || dtype === "f16";
