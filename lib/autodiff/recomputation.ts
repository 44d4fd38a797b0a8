import { reshape } from "../ops/layout/reshape.js";
import { isFloat, type Node, type Tensor } from "../graph/tensor.js";
import { applyOp, INPUT, PARAMETER, SCALAR } from "../graph/trace.js";

const SOURCES = new Set<unknown>([INPUT, PARAMETER, SCALAR]);

/** Whether a value is an input or depends on parameters alone: a block need not keep such values. */
function isGiven(tensor: Tensor, known: Map<Node, boolean>): boolean {
  const { node } = tensor;
  if (SOURCES.has(node.op)) return true;
  const found = known.get(node);
  if (found !== undefined) return found;
  const given = node.inputs.length > 0 && node.inputs.every((x) => !x || (x.node.op !== INPUT && isGiven(x, known)));
  known.set(node, given);
  return given;
}

/** Computes the values of blocks of a graph a second time, while their gradients are made. */
export class Recomputation {
  #copies = new Map<string, Map<Tensor, Tensor>>();
  #given = new Map<Node, boolean>();

  constructor(readonly blockOf: (layer: string) => string | null) {}

  /**
   * Inputs and outputs of a node for its gradient rule; `gradient` is a gradient that is already computed when the rule
   * runs.
   */
  values(node: Node, gradient: Tensor): Pick<Node, "inputs" | "outputs"> {
    const block = this.blockOf(node.layer);
    if (block === null) return node;
    let copies = this.#copies.get(block);
    if (!copies) this.#copies.set(block, (copies = new Map()));
    const again = (tensor: Tensor) => this.#copy(tensor, block, copies, gradient);
    return { inputs: node.inputs.map((x) => x && again(x)), outputs: node.outputs.map(again) };
  }

  #copy(tensor: Tensor, block: string, copies: Map<Tensor, Tensor>, gradient: Tensor): Tensor {
    if (isGiven(tensor, this.#given)) return tensor;
    const found = copies.get(tensor);
    if (found) return found;
    const { node } = tensor;
    if (this.blockOf(node.layer) !== block) {
      // reshape ignores its second input, which is only a scheduling dependency: without it the copies could be
      // computed long before they are read
      const view = isFloat(tensor.dtype) ? applyOp(reshape, [tensor, gradient], { shape: tensor.shape })[0] : tensor;
      copies.set(tensor, view);
      return view;
    }
    const inputs = node.inputs.map((x) => x && this.#copy(x, block, copies, gradient));
    applyOp(node.op, inputs, node.attrs as never).forEach((output, i) => copies.set(node.outputs[i], output));
    return copies.get(tensor)!;
  }
}
