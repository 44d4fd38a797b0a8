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

/** What kernels take as one input of an op. */
export interface Operand {
  /** Its name in native/cpp/ops/<family>/<op>.h. */
  name: string;
  /** Its rows may lie at any distance from each other, so a slice of channels is read where it lies. */
  strided?: true | undefined;
  /** It stays f32 whatever type activations are stored in: a vector per channel, or a statistic. */
  f32?: true | undefined;
  /** Entries along its first axis do not depend on each other: each alone gives the same bits. */
  batched?: true | ((inputs: (TensorType | null)[], attrs: never) => boolean) | undefined;
}

/** How the weight of an input comes into the layout that a kernel reads: by an op. */
export interface Packing {
  slot: number;
  op: OpDefinition<never>;
  attrs: unknown;
}

export const packing = <A>(slot: number, op: OpDefinition<A>, attrs: A): Packing => ({
  slot,
  op: op as OpDefinition<never>,
  attrs,
});

/** One operation, with all that shape rules, passes, planner, backends and exporters have to know of it. */
export interface OpDefinition<A = unknown> {
  /** Also the name of its native kernels. */
  name: string;
  /** Its inputs in order. Kernels are given all of them; the last ones may be absent in a node. */
  operands: readonly Operand[];
  /** Inputs behind these, as a group that is there any number of times. */
  repeated?: readonly Operand[] | undefined;
  /**
   * Floats that it computes on where activations are stored in 16 bits. Default: in that type. `f32`: optimizers, caches and
   * weights before they are rounded. `as given`: nothing is converted.
   */
  storage?: "f32" | "as given" | undefined;
  /** Whether its CPU kernel takes bf16 and f16. */
  halvesOnCpu?: true | undefined;
  /** Why it has no CUDA kernel, where it has none. */
  notOnGpu?: string | undefined;
  /** Whether a GPU of precision `tf32` rounds the operands of its products. */
  tf32?: true | undefined;
  /** It moves values of any type, integers too, and computes nothing. */
  anyType?: true | undefined;
  /** Inputs and outputs that its gradient is of, where it is not of all: the others are constants, or kept for a backward pass. */
  differentiated?: { inputs?: readonly number[] | undefined; outputs?: readonly number[] | undefined } | undefined;
  /** It has no kernel: its output is its first input seen in another shape. */
  isView?: true | undefined;
  /** What each attribute must be: checked when a node is made, before `shape` sees the attributes. */
  attributes?: Attributes<A> | undefined;
  /** Types of the outputs; throws `ShapeError` when the inputs do not fit. `null` marks an absent optional input. */
  shape(inputs: (TensorType | null)[], attrs: A): TensorType[];
  /** The weights that its CPU kernel reads in a layout of its own. `panelWidth` is that of the device. */
  packedOnCpu?(attrs: A, panelWidth: number): Packing[];
  /** The order in which its CUDA kernel reads the axes of its weight, which is input 1. */
  axesOnGpu?(attrs: A, inputs: (TensorType | null)[]): readonly number[];
  /** Multiply-adds, where it is a product of matrices. */
  multiplyAdds?(inputs: (TensorType | null)[], outputs: TensorType[], attrs: A): number;
  /** The attributes that its kernels read, and how they follow from those of a node. Without it the kernels read none. */
  layout?: AttributeLayout<A> | undefined;
  /** Plain float64 loops: the yardstick. */
  reference(inputs: (Array64 | null)[], attrs: A): Array64[];
  /**
   * Applies the ops that give the gradients of the inputs from those of the outputs (see `differentiate`): one tensor of
   * its input's shape per input, null where `needs` is false or where it is zero. May read inputs and outputs of the node.
   */
  gradient?(node: GradientNode<A>, g: GradientBuilder): (Tensor | null)[];
  /** Why it has no `gradient`, where it has none for good. */
  notDifferentiable?: string | undefined;
  /** Writes the op in ONNX's own operators (lib/onnx). */
  toOnnx?(node: OnnxNode<A>, emit: OnnxEmitter): void;
  /** Why it has no `toOnnx`, where it needs none. */
  notInOnnx?: string | undefined;
  /**
   * Pairs [output, input] that may be the same memory: the kernel reads an element of that input before it writes the
   * element of that output, and no other element of it afterwards.
   */
  inPlace?(inputs: (TensorType | null)[], attrs: A): [output: number, input: number][];
}

/** A node whose gradient is asked for. */
export interface GradientNode<A> {
  /** The op of the node, for a rule that applies it again. */
  op: OpDefinition<A>;
  inputs: (Tensor | null)[];
  outputs: Tensor[];
  attrs: A;
  /** Gradients of the outputs; null where nothing differentiable reads one. */
  outGrads: (Tensor | null)[];
  /** Whether the gradient of an input is wanted. */
  needs: boolean[];
}

/**
 * The arithmetic of gradient rules: ops on symbolic tensors. `differentiate` passes it to a rule, so the file of an op does
 * not import the ops that its gradient is made of, whose own gradients may need that op.
 */
export interface GradientBuilder {
  /** a + b. This and the next three broadcast as NumPy does. */
  add(a: Tensor, b: Tensor): Tensor;
  sub(a: Tensor, b: Tensor): Tensor;
  mul(a: Tensor, b: Tensor): Tensor;
  div(a: Tensor, b: Tensor): Tensor;
  /** x times a number that is known when the graph is made. */
  scale(x: Tensor, factor: number): Tensor;
  /** A tensor of one value. */
  fill(shape: readonly number[], value: number): Tensor;
  /** The same elements in another shape; x itself where it has that shape. */
  reshape(x: Tensor, shape: readonly number[]): Tensor;
  /** The sum over any axes, which are not in the result. */
  sum(x: Tensor, axes: readonly number[]): Tensor;
  /** The gradient of an operand of `shape` that was broadcast to the shape of x: the sum over what it repeats. */
  sumTo(x: Tensor, shape: readonly number[]): Tensor;
  /** The block of `size` elements per axis that begins at `start`. */
  slice(x: Tensor, start: readonly number[], size: readonly number[]): Tensor;
  /** x with zeros before (`low`) and behind (`high`) the elements of each axis. */
  pad(x: Tensor, low: readonly number[], high: readonly number[]): Tensor;
}

/** Integers, a float (`{ float }`), or text, as the attribute of an ONNX node. */
export type OnnxAttribute = number | readonly number[] | string | { float: number };

/** A value of an ONNX graph that holds a tensor of ours. */
export interface OnnxValue {
  name: string;
  /**
   * How it lies: axis `i` of the ONNX value is axis `axes[i]` of the tensor. ONNX's convolutions and pools are
   * channels-first and ours channels-last; carrying the order with each value keeps transposes out of the graph.
   */
  axes: readonly number[];
  /** Known to be >= 0 everywhere, from how it was computed. */
  nonNegative: boolean;
}

/** What an op's `toOnnx` writes its nodes with. */
export interface OnnxEmitter {
  /** The value of a tensor, in the order in which it lies. */
  value(tensor: Tensor): OnnxValue;
  /**
   * Name of a value of the tensor that lies in the order `axes` (the tensor's own by default). A Transpose is added where
   * it lies otherwise; parameters are stored transposed instead.
   */
  arranged(tensor: Tensor, axes?: readonly number[]): string;
  /** As `arranged`, of the tensor seen as `shape` (the same elements, with axes of one position put in or left out). */
  reshaped(tensor: Tensor, shape: readonly number[], axes: readonly number[]): string;
  /** Adds a node with one output, which it names. A null input is absent. */
  node(type: string, inputs: readonly (string | null)[], attributes?: Record<string, OnnxAttribute>): string;
  /** Adds a node with `count` outputs. */
  nodes(
    type: string,
    inputs: readonly (string | null)[],
    attributes: Record<string, OnnxAttribute>,
    count: number,
  ): string[];
  /** A constant int64 vector: what ONNX takes shapes, axes and paddings as. */
  integers(values: readonly number[]): string;
  /** A constant float32 tensor. */
  floats(values: readonly number[], shape: readonly number[]): string;
  /** Says which value holds an output of our node; `axes` default to the tensor's own order. */
  set(
    tensor: Tensor,
    name: string,
    how?: { axes?: readonly number[] | undefined; nonNegative?: boolean | undefined },
  ): void;
}

/** A node whose attributes have their type. */
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

/** Registers an op. @throws VideoClipError `ERR_INTERNAL` where there is one of this name */
export function defineOp<A>(definition: OpDefinition<A>): OpDefinition<A> {
  if (definitions.has(definition.name)) {
    throw new VideoClipError("ERR_INTERNAL", `an op named ${definition.name} is already defined`);
  }
  definitions.set(definition.name, definition as OpDefinition<never>);
  return definition;
}

/** What an op's kernels take as its input `slot`. */
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

/** Throws the one kind of error that shape rules throw. */
export function shapeError(op: string, expected: string, received: readonly number[] | string): ShapeError {
  const text = typeof received === "string" ? received : `[${received.join(", ")}]`;
  return new ShapeError(`${callName(op)}: expected ${expected}, received ${text}`, { op, expected, received });
}

/** Whether a dtype is one of the storage types of activations. */
export const isFloat = (dtype: DType): boolean => dtype === "f32" || dtype === "bf16" || dtype === "f16";
