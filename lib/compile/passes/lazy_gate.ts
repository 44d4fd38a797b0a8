import {
  type Conv3dAttrs,
  concat,
  conv3d,
  isPointwise,
  linear,
  maxPool3d,
  scaleChannels,
  unary,
} from "../../ops/index.js";
import type { Node, OpDefinition, Tensor } from "../../graph/tensor.js";
import { type Graph, makeNode, readers, readOnce, replaceTensor, sortGraph } from "../../graph/trace.js";

const is = (node: Node, op: unknown) => node.op === (op as OpDefinition<never>);

/** Whether a channel scale is positive, as that of a sigmoid is: multiplying by it is then monotonic. */
function positive(scale: Tensor): boolean {
  if (is(scale.node, unary)) return scale.node.attrs.kind === "sigmoid";
  if (is(scale.node, linear)) return scale.node.attrs.activation === "sigmoid";
  return is(scale.node, concat) && scale.node.inputs.every((x) => positive(x!));
}

/**
 * Moves the multiplication by a self-gate's channel scale to a place where it costs nothing: out of a concat, whose scales are
 * concatenated too; past a max-pool (a scale s > 0 and monotonic rounding give max(s x) = s max(x) to the bit); and into the
 * input of pointwise convolutions.
 */
export function lazyGate(graph: Graph): void {
  for (const node of [...graph.nodes]) if (is(node, concat)) liftOutOfConcat(graph, node);
  sortGraph(graph);
  for (const node of [...graph.nodes]) if (is(node, maxPool3d)) movePastPool(graph, node);
  sortGraph(graph);
  for (const node of [...graph.nodes]) if (is(node, conv3d)) intoConvolution(graph, node);
}

function liftOutOfConcat(graph: Graph, node: Node): void {
  const uses = readers(graph);
  const last = node.outputs[0].shape.length - 1;
  if (node.attrs.axis !== last || !node.inputs.every((x) => is(x!.node, scaleChannels) && readOnce(uses, x!))) return;
  const layer = node.layer;
  const values = makeNode(
    concat,
    node.inputs.map((x) => x!.node.inputs[0]),
    { axis: last },
    layer,
  );
  const scales = makeNode(
    concat,
    node.inputs.map((x) => x!.node.inputs[1]),
    { axis: 1 },
    layer,
  );
  const scaled = makeNode(scaleChannels, [values.outputs[0], scales.outputs[0]], {}, layer);
  graph.nodes.push(values, scales, scaled);
  replaceTensor(graph, node.outputs[0], scaled.outputs[0]);
}

function movePastPool(graph: Graph, node: Node): void {
  const x = node.inputs[0]!;
  if (!is(x.node, scaleChannels) || !positive(x.node.inputs[1]!)) return;
  const pool = makeNode(maxPool3d, [x.node.inputs[0]], node.attrs as never, node.layer);
  const scaled = makeNode(scaleChannels, [pool.outputs[0], x.node.inputs[1]], {}, node.layer);
  graph.nodes.push(pool, scaled);
  replaceTensor(graph, node.outputs[0], scaled.outputs[0]);
}

function intoConvolution(graph: Graph, node: Node): void {
  const [x, weight, bias, residual, present] = node.inputs;
  const attrs = node.attrs as unknown as Conv3dAttrs;
  if (!is(x!.node, scaleChannels) || present || !isPointwise(attrs)) return;
  const [value, scale] = x!.node.inputs;
  const conv = makeNode(conv3d, [value, weight, bias ?? null, residual ?? null, scale], attrs, node.layer);
  graph.nodes.push(conv);
  node.outputs.forEach((output, i) => {
    replaceTensor(graph, output, conv.outputs[i]);
  });
}
