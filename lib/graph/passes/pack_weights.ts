import {
  type Conv3dAttrs,
  conv3d,
  conv3dBf16,
  conv3dSums,
  type Conv3dGradInputAttrs,
  conv3dGradInput,
  expandDepthwise,
  type LinearAttrs,
  linear,
  packConvWeight,
  packConvWeightBf16,
  packWinogradWeight,
  swishConv3d,
  winogradConv3d,
} from "../ops/index.js";
import type { Node, OpDefinition } from "../tensor.js";
import { type Graph, makeNode, replaceTensor } from "../trace.js";

type Pack = (weight: Node["inputs"][0]) => Node;

/** How the weights of a node are packed on the CPU, by input. */
function packers(node: Node, panelWidth: number): Record<number, Pack> {
  const is = <A>(op: OpDefinition<A>) => node.op === (op as OpDefinition<never>);
  const panels =
    (groups: number, split: readonly number[]): Pack =>
    (weight) =>
      makeNode(packConvWeight, [weight], { groups, split, panelWidth }, node.layer);
  if (is(winogradConv3d)) return { 1: (weight) => makeNode(packWinogradWeight, [weight], { panelWidth }, node.layer) };
  if (is(linear)) return { 1: panels(1, [(node.attrs as unknown as LinearAttrs).outFeatures]) };
  const { groups, split } = node.attrs as unknown as Conv3dAttrs;
  if (is(conv3dBf16)) {
    return { 1: (weight) => makeNode(packConvWeightBf16, [weight], { split, panelWidth }, node.layer) };
  }
  if (is(conv3dGradInput)) {
    const { groups, inChannels } = node.attrs as unknown as Conv3dGradInputAttrs;
    return { 1: panels(groups, [inChannels]) };
  }
  if (is(conv3d) || is(conv3dSums) || is(swishConv3d)) return { 1: panels(groups, split) };
  if (is(expandDepthwise)) return { 1: panels(1, split), 3: panels(groups, split) };
  return {};
}

/** Gives convolutions and linear layers their weights in the layout of the device: last, since it fixes the attributes. */
export function packWeights(graph: Graph, panelWidth: number): void {
  for (const node of [...graph.nodes]) {
    const pack = Object.entries(packers(node, panelWidth));
    if (pack.length === 0 || node.attrs.packed) continue;
    const inputs = [...node.inputs];
    for (const [slot, make] of pack) {
      const packed = make(inputs[Number(slot)]);
      graph.nodes.push(packed);
      inputs[Number(slot)] = packed.outputs[0];
    }
    const lowered = makeNode(node.op, inputs, { ...node.attrs, packed: true } as never, node.layer);
    graph.nodes.push(lowered);
    node.outputs.forEach((output, i) => {
      replaceTensor(graph, output, lowered.outputs[i]);
    });
  }
}
