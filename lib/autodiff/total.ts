import { concat } from "../ops/layout/concat.js";
import { pad, type PadAttrs } from "../ops/layout/pad.js";
import type { Node, OpDefinition, Tensor } from "../graph/tensor.js";
import { applyOp } from "../graph/trace.js";
import { gradientBuilder } from "./arithmetic.js";

/**
 * The sum of the gradients of one value, added in their order. Gradients of slices that are all parts of the value along
 * one axis are joined instead: the sum would read and write the zeros around each of them.
 */
export function total(gradients: readonly Tensor[]): Tensor {
  return joined(gradients) ?? gradients.reduce((sum, one) => gradientBuilder.add(sum, one));
}

function joined(gradients: readonly Tensor[]): Tensor | undefined {
  if (gradients.length < 2 || !gradients.every(({ node }) => node.op === (pad as OpDefinition<never>)))
    return undefined;
  const axis = gradients[0].shape.findIndex((_, d) => gradients.some(({ node }) => zeros(node, d) > 0));
  if (axis < 0) return undefined;
  const parts = gradients.map(({ node }) => node).sort((a, b) => lowOf(a, axis) - lowOf(b, axis));
  let first = 0;
  for (const part of parts) {
    const fills = part.outputs[0].shape.every((_, d) => d === axis || zeros(part, d) === 0);
    if (!fills || lowOf(part, axis) !== first) return undefined;
    first += part.inputs[0]!.shape[axis];
  }
  if (first !== gradients[0].shape[axis]) return undefined;
  return applyOp(concat, parts.map(({ inputs: [x] }) => x!), { axis })[0]; // prettier-ignore
}

const attrsOf = (node: Node) => node.attrs as unknown as PadAttrs;
const lowOf = (node: Node, axis: number): number => attrsOf(node).low[axis];
const zeros = (node: Node, axis: number): number => attrsOf(node).low[axis] + attrsOf(node).high[axis];
