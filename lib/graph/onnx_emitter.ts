import type { Node, Tensor } from "./tensor.js";

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
  set(tensor: Tensor, name: string, how?: { axes?: readonly number[]; nonNegative?: boolean }): void;
}

/** A node whose attributes have their type. */
export type OnnxNode<A> = Omit<Node, "attrs"> & { attrs: A };

/** Order of axes of a channels-first value of a channels-last tensor: `[0, rank - 1, 1, ..., rank - 2]`. */
export function channelsFirst(rank: number): number[] {
  return Array.from({ length: rank }, (_, i) => (i === 0 ? 0 : i === 1 ? rank - 1 : i - 1));
}

/** The order that lies in no particular way: axis `i` is axis `i`. */
export function ownOrder(rank: number): number[] {
  return Array.from({ length: rank }, (_, i) => i);
}
