import { type Conv3dAttrs, conv3d, isPointwise, scaleChannels, swishConv3d, unary } from "../../ops/index.js";
import type { Node, OpDefinition } from "../../graph/tensor.js";
import { type Graph, makeNode, readers, readOnce, replaceTensor } from "../../graph/trace.js";

const is = (node: Node, op: unknown) => node.op === (op as OpDefinition<never>);

/** For the CPU: fuses a swish, and a channel scale before it, into the pointwise convolution that reads the result. */
export function swishInputs(graph: Graph): void {
  for (const node of [...graph.nodes]) {
    if (!is(node, conv3d) || !isPointwise(node.attrs as unknown as Conv3dAttrs)) continue;
    const [active, weight, bias, residual, present] = node.inputs;
    if (present || !is(active!.node, unary) || active!.node.attrs.kind !== "swish") continue;
    const uses = readers(graph);
    if (!readOnce(uses, active!)) continue;
    let value = active!.node.inputs[0]!;
    let scale = null;
    if (is(value.node, scaleChannels) && readOnce(uses, value))
      [value, scale] = value.node.inputs as [typeof value, typeof value];
    const conv = makeNode(
      swishConv3d,
      [value, weight, bias ?? null, residual ?? null, scale],
      node.attrs as never,
      node.layer,
    );
    graph.nodes.push(conv);
    node.outputs.forEach((output, i) => {
      replaceTensor(graph, output, conv.outputs[i]);
    });
  }
}
