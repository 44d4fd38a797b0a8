import { defineOp, sameShape, shapeError, type Tensor } from "../../graph/tensor.js";
import { applyOp } from "../../graph/trace.js";
import { storageType } from "../storage.js";
import { unaryDerivatives, type UnaryKind, unaryLayout } from "./unary_kinds.js";

/** dx = f'(x) dy, element by element: x and dy of one shape. relu's derivative at 0 is 0. */
export const unaryGrad = defineOp<{ kind: UnaryKind }>({
  name: "unary_grad",
  operands: [{ name: "x" }, { name: "dy" }],
  shape: ([x, dy]) => {
    const dtype = storageType("unary_grad", x, dy);
    if (!sameShape(x!.shape, dy!.shape)) throw shapeError("unary_grad", `dy [${x!.shape.join(", ")}]`, dy!.shape);
    return [{ shape: x!.shape, dtype }];
  },
  layout: unaryLayout,
  reference: ([x, dy], a) => {
    const derivative = unaryDerivatives[a.kind];
    return [{ shape: x!.shape, data: x!.data.map((v, i) => derivative(v) * dy!.data[i]) }];
  },
  notDifferentiable: "second derivatives are not supported",
  notInOnnx: "a gradient: exported graphs are of inference",
});

/** dy f'(x). */
export const throughUnary = (kind: UnaryKind, x: Tensor, dy: Tensor): Tensor =>
  applyOp(unaryGrad, [x, dy], { kind })[0];
