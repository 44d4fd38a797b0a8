import type { Tensor } from "../../graph/tensor.js";
import { INPUT, SCALAR } from "../../graph/trace.js";

/** Whether a value depends on parameters alone. */
export function fromParameters(tensor: Tensor): boolean {
  const { op, inputs } = tensor.node;
  return op !== INPUT && op !== SCALAR && inputs.every((x) => !x || fromParameters(x));
}
