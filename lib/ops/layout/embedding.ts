import { checkOperand } from "../../graph/operands.js";
import { type Attributes, integer, optional } from "../../graph/rules.js";
import { defineOp } from "../../graph/tensor.js";
import { applyOp } from "../../graph/trace.js";
import { embeddingGrad } from "./embedding_grad.js";

export interface EmbeddingAttrs {
  /** Id of the padding: its row is read, but gets no gradient. */
  padding?: number | undefined;
}

const rules: Attributes<EmbeddingAttrs> = { padding: optional(integer()) };

/** Rows of a table by id: ids i32 `[...]`, weight `[rows, C]` to `[..., C]`. */
export const embedding = defineOp<EmbeddingAttrs>({
  name: "embedding",
  operands: [{ name: "ids" }, { name: "weight" }],
  attributes: rules,
  shape: ([ids, weight]) => {
    const { shape } = checkOperand("embedding", "ids", ids, ["..."], ["i32"]);
    const table = checkOperand("embedding", "weight", weight, ["rows", "C"]);
    return [{ shape: [...shape, table.shape[1]], dtype: table.dtype }];
  },
  reference: ([ids, weight]) => {
    const C = weight!.shape[1];
    const data = new Float64Array(ids!.data.length * C);
    ids!.data.forEach((id, i) => {
      data.set(weight!.data.subarray(id * C, (id + 1) * C), i * C);
    });
    return [{ shape: [...ids!.shape, C], data }];
  },
  gradient: ({ inputs: [ids, weight], attrs, outGrads: [dy] }) => {
    const [dWeight] = applyOp(embeddingGrad, [ids, dy], { rows: weight!.shape[0], padding: attrs.padding ?? -1 });
    return [null, dWeight];
  },
  toOnnx: ({ inputs: [ids, weight], outputs: [y] }, emit) =>
    emit.set(y, emit.node("Gather", [emit.arranged(weight!), emit.arranged(ids!)])),
});
