import {
  concat,
  type GatesOfSumsAttrs,
  gatesOfSums,
  linear,
  MAX_GATE_CHANNELS,
  MAX_GATES,
  type MeanOfSumsAttrs,
  meanOfSums,
} from "../../ops/index.js";
import type { Node, OpDefinition, Tensor } from "../../graph/tensor.js";
import { type Graph, makeNode, readers, readOnce, replaceTensor } from "../../graph/trace.js";

const is = (node: Node, op: unknown) => node.op === (op as OpDefinition<never>);

/**
 * Computes self-gates, linear layers of a few means, in one launch with their means: the gates of an Inception block
 * together, whose results are concatenated, and any other one alone. For GPUs, where each of these launches would take
 * longer than its work.
 */
export function joinGates(graph: Graph): void {
  const uses = readers(graph);
  const once = (tensor: Tensor) => readOnce(uses, tensor);
  const isGate = (tensor: Tensor | null): boolean => {
    const { node } = tensor!;
    if (!is(node, linear) || node.inputs.slice(3).some((x) => x) || node.attrs.packed) return false;
    const [mean, weight] = node.inputs;
    return is(mean!.node, meanOfSums) && once(mean!) && Math.max(...weight!.shape) <= MAX_GATE_CHANNELS;
  };
  const joined = new Set<Node>();
  const replace = (output: Tensor, gates: readonly Tensor[], layer: string) => {
    const nodes = gates.map(({ node }) => node);
    const means = nodes.map(({ inputs: [mean] }) => mean!.node);
    const [{ positions }, { activation }] = [attrsOf<MeanOfSumsAttrs>(means[0]), attrsOf<GatesOfSumsAttrs>(nodes[0])];
    const attrs = { first: means.map((mean) => attrsOf<MeanOfSumsAttrs>(mean).first), positions, activation };
    const operands = nodes.flatMap(({ inputs: [mean, weight, bias] }) => [mean!.node.inputs[0], weight, bias ?? null]);
    const node = makeNode(gatesOfSums, operands, attrs, layer);
    graph.nodes.push(node);
    replaceTensor(graph, output, node.outputs[0]);
    for (const each of nodes) joined.add(each);
  };
  const kind = ({ node: { attrs, inputs } }: Tensor) =>
    `${attrs.activation as string} ${attrsOf<MeanOfSumsAttrs>(inputs[0]!.node).positions} ${inputs[1]!.dtype}`;
  for (const node of graph.nodes.filter((each) => is(each, concat) && each.attrs.axis === 1)) {
    const gates = node.inputs as Tensor[];
    if (gates.length > MAX_GATES || !gates.every((x) => isGate(x) && once(x))) continue;
    if (new Set(gates.map(kind)).size === 1) replace(node.outputs[0], gates, node.layer);
  }
  for (const node of graph.nodes.filter((each) => is(each, linear) && !joined.has(each))) {
    const [gate] = node.outputs;
    if (isGate(gate)) replace(gate, [gate], node.layer);
  }
}

const attrsOf = <T>(node: Node): T => node.attrs as unknown as T;
