import { layout } from "../../graph/attribute_layout.js";
export interface AttentionAttrs {
  heads: number;
  /** Multiplies the scores: usually 1 / sqrt(head size). */
  scale: number;
  /** Query i attends only to keys j <= i + Sk - Sq: the last query is aligned with the last key. */
  causal: boolean;
}

export const attentionLayout = layout({ heads: "int", scale: "float", causal: "bool" });
