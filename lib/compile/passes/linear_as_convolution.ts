import { type Conv3dAttrs, conv3dAttrs, type LinearAttrs, reshape } from "../../ops/index.js";
import { elements, type Node, type OpDefinition, type Tensor } from "../../graph/tensor.js";
import { makeNode } from "../../graph/trace.js";

type Add = <A>(op: OpDefinition<A>, from: (Tensor | null)[], how: A) => Tensor;

/** A list of nodes, and a function that adds one and gives its output. */
export function builder(layer: string): { nodes: Node[]; add: Add } {
  const nodes: Node[] = [];
  const add: Add = (op, from, how) => {
    nodes.push(makeNode(op, from, how, layer));
    return nodes.at(-1)!.outputs[0];
  };
  return { nodes, add };
}

/**
 * A linear layer as a pointwise convolution whose positions are the rows.
 * @param add adds a node
 * @param convolve adds the convolution of x `[1, 1, 1, rows, in]` with a weight `[out, in, 1, 1, 1]` and a residual
 */
export function asConvolution(
  { activation, outFeatures }: LinearAttrs,
  { inputs: [x, weight, , residual], outputs }: Node,
  add: Add,
  convolve: (x: Tensor, weight: Tensor, residual: Tensor | null, attrs: Conv3dAttrs) => Tensor,
): void {
  const positions = (tensor: Tensor): Tensor => {
    const width = tensor.shape.at(-1)!;
    return add(reshape, [tensor], { shape: [1, 1, 1, elements(tensor.shape) / width, width] });
  };
  const kernel = add(reshape, [weight!], { shape: [...weight!.shape, 1, 1, 1] });
  const attrs = conv3dAttrs({ outChannels: outFeatures, kernel: [1, 1, 1], activation });
  const y = convolve(positions(x!), kernel, residual ? positions(residual) : null, attrs);
  add(reshape, [y], { shape: outputs[0].shape });
}
