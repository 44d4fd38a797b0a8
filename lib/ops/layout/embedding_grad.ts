import { layout } from "../../graph/attribute_layout.js";
import { defineOp, sameShape, shapeError } from "../../graph/tensor.js";
import { storageType } from "../storage.js";

export interface EmbeddingGradAttrs {
  /** Rows of the table. */
  rows: number;
  /** Id whose row gets no gradient; -1 for none. */
  padding: number;
}

/**
 * Gradient of a table from the gradient of its rows by id: ids i32 `[...]`, dy `[..., C]` to `[rows, C]`. The gradients
 * of an id are summed in the order of their positions; rows without an id are zero.
 */
export const embeddingGrad = defineOp<EmbeddingGradAttrs>({
  name: "embedding_grad",
  operands: [{ name: "ids" }, { name: "dy" }],
  shape: ([ids, dy], { rows }) => {
    const dtype = storageType("embedding_grad", dy);
    if (ids?.dtype !== "i32" || !sameShape(ids.shape, dy!.shape.slice(0, -1))) {
      throw shapeError("embedding_grad", `i32 ids [${dy!.shape.slice(0, -1).join(", ")}]`, ids?.shape ?? "none");
    }
    return [{ shape: [rows, dy!.shape[dy!.shape.length - 1]], dtype }];
  },
  layout: layout({ padding: "int" }),
  reference: ([ids, dy], { rows, padding }) => {
    const C = dy!.shape[dy!.shape.length - 1];
    const data = new Float64Array(rows * C);
    ids!.data.forEach((id, i) => {
      if (id === padding) return;
      for (let c = 0; c < C; c++) data[id * C + c] += dy!.data[i * C + c];
    });
    return [{ shape: [rows, C], data }];
  },
  notDifferentiable: "second derivatives are not supported",
  notInOnnx: "a gradient: exported graphs are of inference",
});
