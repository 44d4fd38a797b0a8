import {
  binary,
  type Conv3dAttrs,
  conv3d,
  conv3dBf16,
  linear,
  type LinearAttrs,
  matmul,
  matmulBf16,
  reshape,
  unary,
} from "../../ops/index.js";
import { elements, type Node, type OpDefinition, type Tensor } from "../../graph/tensor.js";
import { type Graph, makeNode, replaceTensor } from "../../graph/trace.js";
import { fromParameters } from "./from_parameters.js";

const is = (node: Node, op: unknown) => node.op === (op as OpDefinition<never>);

/**
 * Computes the remaining convolutions (one group, weights that are parameters) in bf16, and in a training graph also
 * the matrix products of linear layers.
 */
export function chooseBf16(graph: Graph): void {
  const trains = graph.updates.size > 0;
  for (const node of [...graph.nodes]) {
    const chosen = inBf16(node, trains);
    graph.nodes.push(...chosen);
    chosen.at(-1)?.outputs.forEach((output, i) => {
      replaceTensor(graph, node.outputs[i], output);
    });
  }
}

/** The nodes that replace a node; none if it stays. */
function inBf16(node: Node, trains: boolean): Node[] {
  const { inputs, attrs, layer } = node;
  if (is(node, conv3d)) {
    const { groups } = attrs as unknown as Conv3dAttrs;
    return groups === 1 && fromParameters(inputs[1]!)
      ? [makeNode(conv3dBf16, inputs, attrs as unknown as Conv3dAttrs, layer)]
      : [];
  }
  if (trains && is(node, matmul)) return [makeNode(matmulBf16, inputs, attrs as never, layer)];
  return trains && is(node, linear) && !inputs[3] ? linearInBf16(node) : [];
}

/** The product x Wᵀ, the bias and the activation as separate nodes. */
function linearInBf16({ inputs: [x, weight, bias], attrs, outputs, layer }: Node): Node[] {
  const { activation } = attrs as unknown as LinearAttrs;
  const nodes: Node[] = [];
  const add = <A>(op: OpDefinition<A>, from: Tensor[], how: A): Tensor => {
    nodes.push(makeNode(op, from, how, layer));
    return nodes.at(-1)!.outputs[0];
  };
  const width = x!.shape.at(-1)!;
  const rows = add(reshape, [x!], { shape: [elements(x!.shape) / width, width] });
  let y = add(matmulBf16, [rows, weight!], { transposeA: false, transposeB: true });
  if (bias) y = add(binary, [y, bias], { kind: "add" });
  if (activation !== "none") y = add(unary, [y], { kind: activation });
  add(reshape, [y], { shape: outputs[0].shape });
  return nodes;
}
