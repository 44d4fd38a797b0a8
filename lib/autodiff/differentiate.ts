import { InvalidArgumentError } from "../base/errors.js";
import { gradientBuilder } from "./arithmetic.js";
import { type GradientNode, type Node, sameShape, type Tensor } from "../graph/tensor.js";
import { Recomputation } from "./recomputation.js";
import { total } from "./total.js";

/** Where differentiation starts: a value, and the gradient of the loss with respect to it (of its shape). */
export interface Seed {
  value: Tensor;
  gradient: Tensor;
}

export interface DifferentiateOptions {
  /**
   * Activation checkpointing (Chen et al. 2016, arXiv 1604.06174): maps a layer to its block, or to null. The backward
   * pass recomputes the values inside a block from the inputs of the block, so they need not be kept. See {@link
   * blockOfLayer}.
   */
  checkpoint?: ((layer: string) => string | null) | undefined;
}

/** The outermost numbered scope of a layer, such as `encoder.3` of `encoder.3.attention`; null if there is none. */
export const blockOfLayer = (layer: string): string | null => /^(?:.*?\.)??[^.]+\.\d+(?=\.|$)/.exec(layer)?.[0] ?? null;

/**
 * Gradients of the sum over the seeds of <value, gradient>, as more nodes of the graph that is being traced (reverse
 * mode). Only nodes between `wrt` and the seeds get gradients, so frozen parameters cost nothing. When a value is read
 * several times, its gradients are added in the order of its readers, last first: the sum is the same in every run. If
 * all readers are slices that are the parts of the value, their gradients are joined.
 * @returns one tensor per `wrt`, of its shape; null where no seed depends on it
 * @throws InvalidArgumentError when an op between them has no gradient
 */
export function differentiate(
  seeds: readonly Seed[],
  wrt: readonly Tensor[],
  options: DifferentiateOptions = {},
): (Tensor | null)[] {
  const again = options.checkpoint && new Recomputation(options.checkpoint);
  const order = nodesBetween(
    seeds.map((seed) => seed.value),
    wrt,
  );
  const gradients = new Map<Tensor, Tensor[]>();
  const add = (tensor: Tensor, gradient: Tensor) => {
    if (!sameShape(tensor.shape, gradient.shape)) {
      throw new InvalidArgumentError(
        `gradient of [${tensor.shape.join(", ")}] has shape [${gradient.shape.join(", ")}] (${tensor.node.op.name})`,
      );
    }
    const list = gradients.get(tensor);
    if (list) list.push(gradient);
    else gradients.set(tensor, [gradient]);
  };
  const gradientOf = (tensor: Tensor) => {
    const list = gradients.get(tensor);
    if (!list) return null;
    if (list.length > 1) gradients.set(tensor, [total(list)]);
    return gradients.get(tensor)![0];
  };
  const wanted = new Set(wrt);
  const reached = new Set(order);
  for (const { value, gradient } of seeds) if (wanted.has(value) || reached.has(value.node)) add(value, gradient);
  for (const node of order.reverse()) {
    const outGrads = node.outputs.map(gradientOf);
    if (outGrads.every((gradient) => gradient === null)) continue;
    const needs = node.inputs.map((x) => x !== null && (wanted.has(x) || reached.has(x.node)));
    const read = again
      ? again.values(
          node,
          outGrads.find((gradient) => gradient !== null)!,
        )
      : node;
    inputGradients(node, read, outGrads, needs).forEach((gradient, i) => {
      if (gradient && needs[i]) add(node.inputs[i]!, gradient);
    });
  }
  return wrt.map(gradientOf);
}

function inputGradients(
  { op, attrs, layer }: Node,
  { inputs, outputs }: Pick<Node, "inputs" | "outputs">,
  outGrads: (Tensor | null)[],
  needs: boolean[],
): (Tensor | null)[] {
  if (!op.gradient) {
    throw new InvalidArgumentError(
      `${op.name}${layer ? ` (layer ${layer})` : ""} has no gradient${op.notDifferentiable ? `: ${op.notDifferentiable}` : ""}`,
    );
  }
  return op.gradient(
    { op, inputs, outputs, attrs, outGrads, needs } as unknown as GradientNode<never>,
    gradientBuilder,
  );
}

/** Nodes that depend on one of `from` and on which one of `to` depends, in the order of computation. */
function nodesBetween(to: readonly Tensor[], from: readonly Tensor[]): Node[] {
  const sources = new Set(from);
  const depends = new Map<Node, boolean>();
  const order: Node[] = [];
  // without recursion: a recurrent or very deep network would overflow the stack
  const stack = to.map((tensor) => ({ node: tensor.node, entered: false }));
  while (stack.length > 0) {
    const { node, entered } = stack.pop()!;
    if (depends.has(node)) continue;
    const inputs = node.inputs.filter((x): x is Tensor => x !== null);
    if (!entered) {
      stack.push({ node, entered: true });
      for (const x of inputs) if (!depends.has(x.node)) stack.push({ node: x.node, entered: false });
      continue;
    }
    const reached = inputs.some((x) => sources.has(x) || depends.get(x.node));
    depends.set(node, reached);
    if (reached) order.push(node);
  }
  return order;
}
