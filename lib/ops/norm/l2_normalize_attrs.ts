import { layout } from "../../graph/attribute_layout.js";
export interface L2NormalizeAttrs {
  /** The least that is divided by. */
  eps: number;
}

export const l2NormalizeLayout = layout({ eps: "float" });
