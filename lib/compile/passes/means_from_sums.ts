import { canSum, type Conv3dAttrs, conv3d, conv3dSums, globalMean, meanOfSums } from "../../ops/index.js";
import { elements, type Node, type OpDefinition, type Tensor } from "../../graph/tensor.js";
import { type Graph, makeNode, replaceTensor } from "../../graph/trace.js";

const is = (node: Node, op: unknown) => node.op === (op as OpDefinition<never>);

/**
 * Computes a mean over all positions of a convolution's output (for a self-gate or squeeze-and-excitation) from sums
 * that the convolution's epilogue makes, so the output is not read again. For GPUs, where memory bandwidth limits such
 * layers.
 */
export function meansFromSums(graph: Graph): void {
  const means = new Map<Node, Node[]>();
  for (const node of graph.nodes) {
    const from = is(node, globalMean) ? node.inputs[0]!.node : undefined;
    if (!from || !is(from, conv3d)) continue;
    if (!canSum(from.attrs as unknown as Conv3dAttrs, from.inputs[0]!.shape[4])) continue;
    means.set(from, [...(means.get(from) ?? []), node]);
  }
  for (const [conv, readers] of means) {
    const summed = makeNode(conv3dSums, conv.inputs, conv.attrs as unknown as Conv3dAttrs, conv.layer);
    const sums = summed.outputs[conv.outputs.length];
    graph.nodes.push(summed);
    for (const mean of readers) replaceTensor(graph, mean.outputs[0], meanOf(graph, mean, conv, sums));
    conv.outputs.forEach((output, i) => {
      replaceTensor(graph, output, summed.outputs[i]);
    });
  }
}

function meanOf(graph: Graph, mean: Node, conv: Node, sums: Tensor): Tensor {
  const { index, shape, dtype } = mean.inputs[0]!;
  const { split } = conv.attrs as unknown as Conv3dAttrs;
  const attrs = {
    first: split.slice(0, index).reduce((sum, width) => sum + width, 0),
    channels: split[index],
    positions: elements(shape.slice(1, 4)),
    dtype,
  };
  const node = makeNode(meanOfSums, [sums], attrs, mean.layer);
  graph.nodes.push(node);
  return node.outputs[0];
}
