import { contrastiveLoss, type ContrastiveLossAttrs } from "#lib/ops/loss/contrastive_loss.js";
import { defineCases } from "../case_table.js";

const x = (N: number, D: number, scale = 1) => ({ shape: [N, D], scale });

const group = (N: number, integer: number) => ({ shape: [N], dtype: "i32" as const, integer });

const attrs = (
  scale = 1,
  reduction: ContrastiveLossAttrs["reduction"] = "sum",
  directions: ContrastiveLossAttrs["directions"] = "both",
) => ({ scale, reduction, directions });

defineCases(contrastiveLoss, [
  { name: "one", inputs: [x(1, 1), x(1, 1)], attrs: attrs() },
  { name: "odd", inputs: [x(7, 5), x(7, 5)], attrs: attrs(3, "mean") },
  { name: "prime", inputs: [x(131, 37), x(131, 37)], attrs: attrs() },
  { name: "many tiles", inputs: [x(401, 64), x(401, 64)], attrs: attrs(2) },
  { name: "far apart", inputs: [x(150, 96, 8), x(150, 96, 8)], attrs: attrs(1, "mean") },
  { name: "no difference", inputs: [x(45, 3, 0), x(45, 3)], attrs: attrs() },
  { name: "rows", inputs: [x(37, 24), x(37, 24)], attrs: attrs(1, "sum", "rows") },
  { name: "columns", inputs: [x(37, 24), x(37, 24), group(37, 9)], attrs: attrs(2, "mean", "columns") },
  { name: "groups", inputs: [x(150, 24), x(150, 24), group(150, 31)], attrs: attrs() },
  { name: "groups far apart", inputs: [x(61, 50, 7), x(61, 50, 7), group(61, 9)], attrs: attrs(1, "mean") },
]);
