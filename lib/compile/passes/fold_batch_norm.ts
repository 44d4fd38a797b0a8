import { batchNorm, type Conv3dAttrs, conv3d, foldConvBias, foldConvWeight } from "../../ops/index.js";
import type { OpDefinition } from "../../graph/tensor.js";
import { type Graph, makeNode, readers, readOnce, replaceTensor } from "../../graph/trace.js";

/**
 * Folds a batch_norm after a convolution into the convolution's weight and bias. The fold is a node over parameters, so
 * it is computed once and shared (hoist_parameters). For inference graphs only.
 */
export function foldBatchNorm(graph: Graph): void {
  for (const node of [...graph.nodes]) {
    if (node.op !== (batchNorm as OpDefinition<never>)) continue;
    const [x, weight, bias, mean, variance] = node.inputs;
    const conv = x!.node;
    if (conv.op !== (conv3d as OpDefinition<never>) || !readOnce(readers(graph), x!)) continue;
    const attrs = conv.attrs as unknown as Conv3dAttrs;
    if (attrs.activation !== "none" || conv.inputs[3] || attrs.split.length > 1) continue;
    const eps = node.attrs.eps as number;
    const folded = makeNode(foldConvWeight, [conv.inputs[1], weight, variance], { eps }, conv.layer);
    const shift = makeNode(foldConvBias, [weight, bias, mean, variance, conv.inputs[2] ?? null], { eps }, conv.layer);
    const [data, , , residual, scale] = conv.inputs;
    const merged = makeNode(
      conv3d,
      [data, folded.outputs[0], shift.outputs[0], residual ?? null, scale ?? null],
      { ...attrs, activation: node.attrs.relu ? "relu" : "none" },
      conv.layer,
    );
    graph.nodes.push(folded, shift, merged);
    replaceTensor(graph, node.outputs[0], merged.outputs[0]);
  }
}
