import { layout } from "../../graph/attribute_layout.js";
export interface L2NormalizeAttrs {
  /** Lower bound of the divisor. */
  eps: number;
}

export const l2NormalizeLayout = layout({ eps: "float" });
