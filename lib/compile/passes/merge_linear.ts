import { concat, type LinearAttrs, linear, slice } from "../../ops/index.js";
import type { Node, OpDefinition, Tensor } from "../../graph/tensor.js";
import { type Graph, makeNode, readers, replaceTensor } from "../../graph/trace.js";
import { fromParameters } from "./from_parameters.js";

/**
 * Merges linear layers of one model layer that read the same input into one over their stacked weights. Their outputs
 * become slices of its channels, which the planner turns into views. MobileBERT's bottlenecks and values are such a
 * group of three.
 */
export function mergeLinear(graph: Graph): void {
  const uses = readers(graph);
  const once = (tensor: Tensor | null | undefined) => !tensor || uses.get(tensor)!.length === 1;
  const groups = new Map<Tensor, Map<string, Node[]>>();
  for (const node of graph.nodes) {
    if (node.op !== (linear as OpDefinition<never>)) continue;
    const [x, weight, bias, residual] = node.inputs;
    // a weight with other readers would be packed twice
    const free = once(weight) && once(bias) && fromParameters(weight!) && (!bias || fromParameters(bias));
    if (!free || residual || node.attrs.packed || fromParameters(x!)) continue;
    const kinds = groups.get(x!) ?? new Map<string, Node[]>();
    groups.set(x!, kinds);
    const kind = `${node.layer} ${node.attrs.activation as string} ${weight!.dtype} ${bias ? "bias" : ""}`;
    kinds.set(kind, [...(kinds.get(kind) ?? []), node]);
  }
  for (const [x, kinds] of groups) {
    for (const nodes of kinds.values()) if (nodes.length > 1) merge(graph, x, nodes);
  }
}

function merge(graph: Graph, x: Tensor, nodes: Node[]): void {
  const { layer, attrs } = nodes[0];
  const stack = (slot: number) => {
    const parts = nodes.map((node) => node.inputs[slot]);
    return parts[0] ? makeNode(concat, parts, { axis: 0 }, layer) : undefined;
  };
  const [weight, bias] = [stack(1), stack(2)];
  const widths = nodes.map((node) => node.attrs.outFeatures as number);
  const outFeatures = widths.reduce((a, b) => a + b, 0);
  const inputs = [x, weight!.outputs[0], bias?.outputs[0] ?? null, null, null];
  const merged = makeNode(linear, inputs, { ...(attrs as unknown as LinearAttrs), outFeatures }, layer);
  graph.nodes.push(weight!, ...(bias ? [bias] : []), merged);
  let first = 0;
  nodes.forEach((node, i) => {
    const { shape } = node.outputs[0];
    const start = shape.map((_, axis) => (axis === shape.length - 1 ? first : 0));
    const part = makeNode(slice, [merged.outputs[0]], { start, size: shape }, layer);
    graph.nodes.push(part);
    replaceTensor(graph, node.outputs[0], part.outputs[0]);
    first += widths[i];
  });
}
