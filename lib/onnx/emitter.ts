import { VideoClipError } from "../base/errors.js";
import { type OnnxAttribute, type OnnxEmitter, type OnnxValue, identityAxes } from "../graph/onnx_emitter.js";
import { permute, reshape } from "../ops/index.js";
import { type DType, elements, sameShape, type Tensor } from "../graph/tensor.js";
import { makeNode } from "../graph/trace.js";
import type { Constants } from "./constants.js";
import type { Piece } from "./protobuf.js";

/** A node of the ONNX graph. An empty input name is an absent input. */
export interface EmittedNode {
  type: string;
  name: string;
  inputs: string[];
  outputs: string[];
  attributes: Record<string, OnnxAttribute>;
}

/** A constant of the ONNX graph. */
export interface EmittedTensor {
  name: string;
  dtype: DType | "i64";
  shape: readonly number[];
  data: Piece;
  /** Whether it comes from the model's parameters. */
  weight: boolean;
}

const asBytes = (data: Float32Array | BigInt64Array) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** Collects the nodes and constants of an ONNX graph while the ops of our graph write themselves. */
export class Emitter implements OnnxEmitter {
  readonly emitted: EmittedNode[] = [];
  readonly tensors: EmittedTensor[] = [];
  /** Layer of the current node, the prefix of the names it makes. */
  layer = "";
  #values = new Map<Tensor, OnnxValue[]>();
  #names: Set<string>;
  #shared = new Map<string, string>();

  constructor(
    readonly constants: Constants,
    reserved: Iterable<string>,
  ) {
    this.#names = new Set(reserved);
  }

  #unique(wanted: string): string {
    let name = wanted;
    for (let i = 2; this.#names.has(name); i++) name = `${wanted}:${i}`;
    this.#names.add(name);
    return name;
  }

  #list(tensor: Tensor): OnnxValue[] {
    let list = this.#values.get(tensor);
    if (!list) {
      if (!this.constants.has(tensor)) {
        throw new VideoClipError("ERR_INTERNAL", `${tensor.node.op.name}: used before it was written`);
      }
      list = [this.#weight(tensor)];
      this.#values.set(tensor, list);
    }
    return list;
  }

  #weight(tensor: Tensor): OnnxValue {
    const { shape } = tensor;
    const name = this.#unique(this.constants.name(tensor));
    const data = { byteLength: 4 * elements(shape), read: () => asBytes(this.constants.read(tensor)) };
    this.tensors.push({ name, dtype: "f32", shape, data, weight: true });
    return { name, axes: identityAxes(shape.length), nonNegative: false };
  }

  value(tensor: Tensor): OnnxValue {
    return this.#list(tensor)[0];
  }

  arranged(tensor: Tensor, axes: readonly number[] = identityAxes(tensor.shape.length)): string {
    const list = this.#values.get(tensor) ?? [];
    const found = list.find((value) => sameShape(value.axes, axes));
    if (found) return found.name;
    if (this.constants.has(tensor)) {
      const own = sameShape(axes, identityAxes(axes.length));
      const stored = own ? tensor : makeNode(permute, [tensor], { order: axes }, this.layer).outputs[0];
      const { name, nonNegative } = this.#weight(stored);
      this.#values.set(tensor, [...list, { name, axes, nonNegative }]);
      return name;
    }
    const from = this.value(tensor);
    const name = this.node("Transpose", [from.name], { perm: axes.map((axis) => from.axes.indexOf(axis)) });
    this.#list(tensor).push({ ...from, name, axes });
    return name;
  }

  reshaped(tensor: Tensor, shape: readonly number[], axes: readonly number[]): string {
    if (sameShape(tensor.shape, shape)) return this.arranged(tensor, axes);
    if (this.constants.has(tensor)) {
      return this.arranged(makeNode(reshape, [tensor], { shape }, this.layer).outputs[0], axes);
    }
    // moving axes of size 1 is a reshape too
    const moved = axes.filter((axis) => shape[axis] !== 1);
    const inOrder = moved.every((axis, i) => i === 0 || axis > moved[i - 1]);
    const target = inOrder ? axes.map((axis) => shape[axis]) : shape;
    const name = this.node("Reshape", [this.arranged(tensor), this.integers(target)]);
    return inOrder ? name : this.node("Transpose", [name], { perm: axes });
  }

  node(type: string, inputs: readonly (string | null)[], attributes: Record<string, OnnxAttribute> = {}): string {
    return this.nodes(type, inputs, attributes, 1)[0];
  }

  nodes(
    type: string,
    inputs: readonly (string | null)[],
    attributes: Record<string, OnnxAttribute>,
    count: number,
  ): string[] {
    const name = this.#unique(this.layer ? `${this.layer}/${type}` : type);
    const outputs = count === 1 ? [name] : Array.from({ length: count }, (_, i) => this.#unique(`${name}.${i}`));
    const names = inputs.map((input) => input ?? "");
    while (names.at(-1) === "") names.pop();
    this.emitted.push({ type, name, inputs: names, outputs, attributes });
    return outputs;
  }

  integers(values: readonly number[]): string {
    const data = asBytes(BigInt64Array.from(values, BigInt));
    return this.#constant(`int64[${values.join(",")}]`, { dtype: "i64", shape: [values.length], data });
  }

  floats(values: readonly number[], shape: readonly number[]): string {
    const data = asBytes(Float32Array.from(values));
    return this.#constant(`float[${shape.join(",")}]`, { dtype: "f32", shape, data });
  }

  /** Equal constants share one entry. */
  #constant(wanted: string, constant: { dtype: "i64" | "f32"; shape: readonly number[]; data: Uint8Array }): string {
    const key = `${wanted} ${constant.data}`;
    let name = this.#shared.get(key);
    if (!name) {
      name = this.#unique(wanted);
      this.#shared.set(key, name);
      this.tensors.push({ name, weight: false, ...constant });
    }
    return name;
  }

  set(
    tensor: Tensor,
    name: string,
    how: { axes?: readonly number[] | undefined; nonNegative?: boolean | undefined } = {},
  ): void {
    const { axes = identityAxes(tensor.shape.length), nonNegative = false } = how;
    this.#values.set(tensor, [{ name, axes, nonNegative }]);
  }

  /**
   * Names the graph's outputs: the value of a node gets the name; anything else (an input, a weight, a value that is
   * another output already) is copied. Nothing may be written afterwards.
   */
  finish(outputs: ReadonlyMap<string, Tensor>): void {
    const values = [...outputs].map(([output, tensor]) => ({ output, value: this.arranged(tensor) }));
    const computed = new Set(this.emitted.flatMap((node) => node.outputs));
    const renamed = new Map<string, string>();
    const copies: EmittedNode[] = [];
    for (const { output, value } of values) {
      if (computed.has(value) && !renamed.has(value)) renamed.set(value, output);
      else copies.push({ type: "Identity", name: output, inputs: [value], outputs: [output], attributes: {} });
    }
    this.emitted.push(...copies);
    for (const node of this.emitted) {
      node.inputs = node.inputs.map((name) => renamed.get(name) ?? name);
      node.outputs = node.outputs.map((name) => renamed.get(name) ?? name);
    }
  }
}
