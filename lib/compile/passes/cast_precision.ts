import { cast, preprocess } from "../../ops/index.js";
import {
  type DType,
  isFloat,
  type Node,
  type OpDefinition,
  operandOf,
  type Tensor,
  type TensorType,
} from "../../graph/tensor.js";
import { type Graph, INPUT, makeNode, PARAMETER, SCALAR, sortGraph } from "../../graph/trace.js";
import { fromParameters } from "./from_parameters.js";

/** The type that an op takes for one of its inputs; `as given` for any. */
export type Takes = (node: Node, slot: number, dtype: DType) => DType | "as given";

/** Ops on a GPU take the storage type, but for operands that stay f32. */
const onGpu: Takes = ({ op }, slot, dtype) => op.storage ?? (operandOf(op, slot)?.f32 ? "f32" : dtype);

/** Some ops on a CPU take bf16, and keep their packed weights in f32; the others take f32. */
export const onCpu: Takes = (node, slot, dtype) => {
  const { op, attrs, inputs } = node;
  if (op.storage) return op.storage;
  if (op.isView || op.halvesOnCpu) return "as given";
  const isPacked = op
    .packedOnCpu?.(attrs as never, { panelWidth: 1, tileDepth: 0 })
    .some((packing) => packing.slot === slot);
  return takesBf16(op, attrs, inputs) && !isPacked && !operandOf(op, slot)?.f32 ? dtype : "f32";
};

/** Whether the CPU kernel of an op takes bf16. */
export const takesBf16 = (op: OpDefinition<never>, attrs: unknown, inputs: (TensorType | null)[]): boolean =>
  op.bf16OnCpu?.(attrs as never, inputs) ?? false;

/**
 * Stores activations, and weights as kernels read them, in a 16-bit type. Values that depend on parameters alone are
 * computed in f32 first (a BatchNorm is folded before rounding). Outputs are f32; new values of parameters keep the
 * type of the parameter.
 */
export function castPrecision(graph: Graph, dtype: DType, takes: Takes = onGpu): void {
  if (dtype === "f32") return;
  sortGraph(graph);
  const casts = new Map<Tensor, Map<DType, Tensor>>(); // casts of this pass, so that a tensor is cast once per type
  const made = new Map<Tensor, Tensor>();
  const nodes: Node[] = [];
  const as = (tensor: Tensor, to: DType): Tensor => {
    if (tensor.dtype === to || !isFloat(tensor.dtype)) return tensor;
    const found = casts.get(tensor)?.get(to);
    if (found) return found;
    const node = makeNode(cast, [tensor], { to }, tensor.node.layer);
    nodes.push(node);
    if (!casts.has(tensor)) casts.set(tensor, new Map());
    casts.get(tensor)!.set(to, node.outputs[0]);
    return node.outputs[0];
  };
  for (const node of graph.nodes) {
    if (node.op === INPUT || node.op === SCALAR || node.op === PARAMETER || node.outputs.every(fromParameters)) {
      nodes.push(node);
      continue;
    }
    const sources = node.inputs.map((x) => x && (made.get(x) ?? x));
    const half = node.op.anyType && sources.some((x) => x?.dtype === dtype); // a concat of one type
    const inputs = sources.map((source, slot) => {
      if (!source) return source;
      const type = takes(node, slot, dtype);
      if (type === "as given") return half ? as(source, dtype) : source;
      return as(source, type);
    });
    const first =
      node.op === (preprocess as OpDefinition<never>) ? { ...node.attrs, dtype: takes(node, 0, dtype) } : node.attrs;
    const lowered = makeNode(node.op, inputs, first as never, node.layer);
    nodes.push(lowered);
    node.outputs.forEach((output, i) => made.set(output, lowered.outputs[i]));
  }
  for (const map of [graph.outputs, graph.updates]) {
    for (const [name, tensor] of map) {
      map.set(name, as(made.get(tensor) ?? tensor, map === graph.outputs ? "f32" : tensor.dtype));
    }
  }
  graph.nodes = nodes;
}
