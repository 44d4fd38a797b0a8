import {
  type Conv3dAttrs,
  conv3d,
  conv3dBf16,
  conv3dSums,
  type Conv3dGradInputAttrs,
  conv3dGradInput,
  type LinearAttrs,
  linear,
  packConvWeight,
  packConvWeightBf16,
  packWinogradWeight,
  winogradConv3d,
} from "../ops/index.js";
import type { Node, OpDefinition } from "../tensor.js";
import { type Graph, makeNode, replaceTensor } from "../trace.js";

/** How the weight of a node is packed on the CPU, or undefined when it has none to pack. */
function packer(node: Node, panelWidth: number): ((weight: Node["inputs"][0]) => Node) | undefined {
  const is = <A>(op: OpDefinition<A>) => node.op === (op as OpDefinition<never>);
  if (is(winogradConv3d)) return (weight) => makeNode(packWinogradWeight, [weight], { panelWidth }, node.layer);
  if (is(linear)) {
    const split = [(node.attrs as unknown as LinearAttrs).outFeatures];
    return (weight) => makeNode(packConvWeight, [weight], { groups: 1, split, panelWidth }, node.layer);
  }
  if (is(conv3dBf16)) {
    const { split } = node.attrs as unknown as Conv3dAttrs;
    return (weight) => makeNode(packConvWeightBf16, [weight], { split, panelWidth }, node.layer);
  }
  if (is(conv3dGradInput)) {
    const { groups, inChannels } = node.attrs as unknown as Conv3dGradInputAttrs;
    return (weight) => makeNode(packConvWeight, [weight], { groups, split: [inChannels], panelWidth }, node.layer);
  }
  if (is(conv3d) || is(conv3dSums)) {
    const { groups, split } = node.attrs as unknown as Conv3dAttrs;
    return (weight) => makeNode(packConvWeight, [weight], { groups, split, panelWidth }, node.layer);
  }
  return undefined;
}

/** Gives convolutions and linear layers their weights in the layout of the device: last, since it fixes the attributes. */
export function packWeights(graph: Graph, panelWidth: number): void {
  for (const node of [...graph.nodes]) {
    const pack = packer(node, panelWidth);
    if (!pack || node.attrs.packed) continue;
    const [x, weight, ...rest] = node.inputs;
    const packed = pack(weight);
    const attrs = { ...node.attrs, packed: true } as never;
    const lowered = makeNode(node.op, [x, packed.outputs[0], ...rest], attrs, node.layer);
    graph.nodes.push(packed, lowered);
    node.outputs.forEach((output, i) => {
      replaceTensor(graph, output, lowered.outputs[i]);
    });
  }
}
