import { type Conv3dAttrs, concat, conv3d, isPointwise } from "../../ops/index.js";
import type { Node, OpDefinition, Tensor } from "../../graph/tensor.js";
import { type Graph, makeNode, readers, replaceTensor } from "../../graph/trace.js";

/** Maximum outputs of one convolution, the limit of native/cpp/cpu/conv/implicit_gemm.h. */
const MAX_OUTPUTS = 8;

/**
 * Merges pointwise convolutions that read the same input into one with several outputs, so the input is read once. An
 * Inception block has three of them.
 */
export function mergePointwise(graph: Graph): void {
  const groups = new Map<Tensor, Node[]>();
  for (const [tensor, uses] of readers(graph)) {
    const convs = uses.filter(({ node, slot }) => node && slot === 0 && mergeable(node)).map(({ node }) => node!);
    if (convs.length > 1) groups.set(tensor, convs.slice(0, MAX_OUTPUTS));
  }
  for (const [x, convs] of groups) {
    for (const activation of new Set(convs.map((node) => node.attrs.activation))) {
      const same = convs.filter((node) => node.attrs.activation === activation);
      if (same.length > 1) merge(graph, x, same);
    }
  }
}

function mergeable(node: Node): boolean {
  if (node.op !== (conv3d as OpDefinition<never>)) return false;
  const attrs = node.attrs as unknown as Conv3dAttrs;
  const [, , bias, residual, scale] = node.inputs;
  return isPointwise(attrs) && attrs.split.length === 1 && !attrs.packed && bias != null && !residual && !scale;
}

function merge(graph: Graph, x: Tensor, convs: Node[]): void {
  const layer = convs.map((node) => node.layer).join(" + ");
  const join = (slot: number) =>
    makeNode(
      concat,
      convs.map((node) => node.inputs[slot]),
      { axis: 0 },
      layer,
    );
  const weight = join(1);
  const bias = join(2);
  const widths = convs.map((node) => node.attrs.outChannels as number);
  const attrs: Conv3dAttrs = {
    ...(convs[0].attrs as unknown as Conv3dAttrs),
    outChannels: widths.reduce((a, b) => a + b, 0),
    split: widths,
  };
  const merged = makeNode(conv3d, [x, weight.outputs[0], bias.outputs[0], null, null], attrs, layer);
  graph.nodes.push(weight, bias, merged);
  convs.forEach((node, i) => {
    replaceTensor(graph, node.outputs[0], merged.outputs[i]);
  });
}
