import { layout } from "../../graph/attribute_layout.js";
import { checkFilled, checkOperand } from "../../graph/operands.js";
import type { TensorType } from "../../graph/tensor.js";

export interface CrossEntropyAttrs {
  /** Rows with this target are ignored. PyTorch's default is -100. */
  ignoreIndex: number;
  /** Probability that is spread evenly over all classes, including the target. */
  smoothing: number;
}

/** Checks the operands that the loss and its gradient share. @internal */
export function checkCrossEntropy(op: string, [x, target, weight]: (TensorType | null)[]): TensorType {
  const { shape, dtype } = checkOperand(op, "x", x, ["...", "C"]);
  const rows = shape.slice(0, -1);
  checkFilled(op, "x", { shape: shape.slice(-1), dtype });
  checkOperand(op, "target", target, rows, ["i32"]);
  if (weight) checkOperand(op, "weight", weight, shape.slice(-1), ["f32"]);
  return { shape: rows, dtype };
}

export const crossEntropyLayout = layout({ ignoreIndex: "int", smoothing: "float" });
