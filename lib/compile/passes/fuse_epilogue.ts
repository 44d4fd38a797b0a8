import { binary, type Conv3dAttrs, conv3d, type LinearAttrs, linear, type UnaryKind, unary } from "../../ops/index.js";
import { type Node, type OpDefinition, sameShape, type Tensor } from "../../graph/tensor.js";
import { type Graph, makeNode, readers, readOnce, replaceTensor } from "../../graph/trace.js";

const is = (node: Node, op: unknown) => node.op === (op as OpDefinition<never>);

/** Whether the tensor is the only output of a convolution without activation, and has one reader. */
function openConv(graph: Graph, tensor: Tensor): boolean {
  const attrs = tensor.node.attrs as unknown as Conv3dAttrs;
  return (
    is(tensor.node, conv3d) &&
    attrs.activation === "none" &&
    attrs.split.length === 1 &&
    readOnce(readers(graph), tensor)
  );
}

/** Whether the tensor is the output of a linear layer without residual or activation, and has one reader. */
function openLinear(graph: Graph, tensor: Tensor): boolean {
  const { node } = tensor;
  return is(node, linear) && node.attrs.activation === "none" && !node.inputs[3] && readOnce(readers(graph), tensor);
}

function replace(graph: Graph, old: Node, node: Node): void {
  graph.nodes.push(node);
  replaceTensor(graph, old.outputs[0], node.outputs[0]);
}

/** Moves additions (bias, residual) and activations after a convolution or a linear layer into its epilogue. */
export function fuseEpilogue(graph: Graph): void {
  for (const node of [...graph.nodes]) {
    if (is(node, binary) && node.attrs.kind === "add") fuseAdd(graph, node);
    if (is(node, unary)) fuseActivation(graph, node);
  }
}

function fuseAdd(graph: Graph, node: Node): void {
  for (const [at, other] of [
    [0, 1],
    [1, 0],
  ]) {
    const x = node.inputs[at]!;
    const added = node.inputs[other]!;
    if (openLinear(graph, x) && x !== added && sameShape(added.shape, x.shape)) {
      const { inputs, attrs, layer } = x.node;
      const [data, weight, bias] = inputs;
      const from = scaledResidual(graph, added);
      replace(graph, node, makeNode(linear, [data, weight, bias ?? null, ...from], attrs as never, layer));
      return;
    }
    if (!openConv(graph, x) || x === added || x.node.inputs[3]) continue;
    const attrs = x.node.attrs as unknown as Conv3dAttrs;
    const [data, weight, bias, , scale] = x.node.inputs;
    if (sameShape(added.shape, [attrs.outChannels]) && !bias) {
      replace(graph, node, makeNode(conv3d, [data, weight, added, null, scale ?? null], attrs, x.node.layer));
      return;
    }
    if (sameShape(added.shape, x.shape)) {
      replace(graph, node, makeNode(conv3d, [data, weight, bias ?? null, added, scale ?? null], attrs, x.node.layer));
      return;
    }
  }
}

/** A residual and its factor per channel: NoNorm scales the added value. */
function scaledResidual(graph: Graph, added: Tensor): [Tensor, Tensor | null] {
  if (!is(added.node, binary) || added.node.attrs.kind !== "mul" || !readOnce(readers(graph), added)) {
    return [added, null];
  }
  const [value, factor] = added.node.inputs;
  const width = added.shape[added.shape.length - 1];
  return sameShape(factor!.shape, [width]) && sameShape(value!.shape, added.shape) ? [value!, factor!] : [added, null];
}

function fuseActivation(graph: Graph, node: Node): void {
  const x = node.inputs[0]!;
  const kind = node.attrs.kind as UnaryKind;
  if (openConv(graph, x)) {
    const attrs: Conv3dAttrs = { ...(x.node.attrs as unknown as Conv3dAttrs), activation: kind };
    replace(graph, node, makeNode(conv3d, x.node.inputs, attrs, x.node.layer));
    return;
  }
  const attrs = x.node.attrs as unknown as LinearAttrs;
  if (is(x.node, linear) && attrs.activation === "none" && readOnce(readers(graph), x)) {
    replace(graph, node, makeNode(linear, x.node.inputs, { ...attrs, activation: kind }, x.node.layer));
  }
}
