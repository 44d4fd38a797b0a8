import { type Conv3dAttrs, conv3d, conv3dBf16 } from "../ops/index.js";
import type { OpDefinition } from "../tensor.js";
import { type Graph, makeNode, replaceTensor } from "../trace.js";
import { fromParameters } from "./choose_winograd.js";

/** Computes the convolutions that are left in bf16: one group, weights that are parameters. */
export function chooseBf16(graph: Graph): void {
  for (const node of [...graph.nodes]) {
    if (node.op !== (conv3d as OpDefinition<never>)) continue;
    const attrs = node.attrs as unknown as Conv3dAttrs;
    if (attrs.groups !== 1 || !fromParameters(node.inputs[1]!)) continue;
    const chosen = makeNode(conv3dBf16, node.inputs, attrs, node.layer);
    graph.nodes.push(chosen);
    node.outputs.forEach((output, i) => {
      replaceTensor(graph, output, chosen.outputs[i]);
    });
  }
}
