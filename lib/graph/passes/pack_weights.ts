import { type Conv3dAttrs, conv3d, type LinearAttrs, linear, packConvWeight } from "../ops/index.js";
import type { OpDefinition } from "../tensor.js";
import { type Graph, makeNode, replaceTensor } from "../trace.js";

/** Gives convolutions and linear layers their weights in the layout of the device: last, since it fixes the attributes. */
export function packWeights(graph: Graph, panelWidth: number): void {
  for (const node of [...graph.nodes]) {
    const isConv = node.op === (conv3d as OpDefinition<never>);
    if ((!isConv && node.op !== (linear as OpDefinition<never>)) || node.attrs.packed) continue;
    const attrs = node.attrs as unknown as Conv3dAttrs | LinearAttrs;
    const groups = "groups" in attrs ? attrs.groups : 1;
    const split = "split" in attrs ? attrs.split : [attrs.outFeatures];
    const [x, weight, ...rest] = node.inputs;
    const packed = makeNode(packConvWeight, [weight], { groups, split, panelWidth }, node.layer);
    const inputs = [x, packed.outputs[0], ...rest];
    const lowered = isConv
      ? makeNode(conv3d, inputs, { ...(attrs as Conv3dAttrs), packed: true }, node.layer)
      : makeNode(linear, inputs, { ...(attrs as LinearAttrs), packed: true }, node.layer);
    graph.nodes.push(packed, lowered);
    node.outputs.forEach((output, i) => {
      replaceTensor(graph, output, lowered.outputs[i]);
    });
  }
}
