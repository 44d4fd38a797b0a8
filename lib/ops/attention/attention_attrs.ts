import { layout } from "../../graph/attribute_layout.js";
export interface AttentionAttrs {
  heads: number;
  /** Multiplies the scores: usually 1 / sqrt(head size). */
  scale: number;
  /** Query i only sees keys j <= i + Sk - Sq: those up to its own place when the last query stands at the last key. */
  causal: boolean;
}

export const attentionLayout = layout({ heads: "int", scale: "float", causal: "bool" });
