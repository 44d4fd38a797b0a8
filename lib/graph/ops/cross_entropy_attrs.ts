import { sameShape, shapeError, type TensorType } from "../tensor.js";
import { storageType } from "./storage.js";

export interface CrossEntropyAttrs {
  /** Rows with this target do not count. PyTorch's is -100. */
  ignoreIndex: number;
  /** Probability that the target spreads over all classes, its own included. */
  smoothing: number;
}

/** Checks the operands that the loss and its gradient share. @internal */
export function checkCrossEntropy(op: string, [x, target, weight]: (TensorType | null)[]): TensorType {
  const dtype = storageType(op, x);
  const rows = x!.shape.slice(0, -1);
  if (target?.dtype !== "i32" || !sameShape(target.shape, rows)) {
    throw shapeError(op, `i32 target [${rows.join(", ")}]`, target?.shape ?? "none");
  }
  const C = x!.shape[x!.shape.length - 1];
  if (weight && (!sameShape(weight.shape, [C]) || weight.dtype !== "f32")) {
    throw shapeError(op, `f32 weight [${C}]`, weight.shape);
  }
  return { shape: rows, dtype };
}
