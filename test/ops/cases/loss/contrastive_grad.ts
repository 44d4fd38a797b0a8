import { contrastiveGrad } from "#lib/ops/loss/contrastive_grad.js";
import { defineCases } from "../case_table.js";

const row = (
  name: string,
  N: number,
  D: number,
  options: { groups?: number | undefined; spread?: number | undefined; scale?: number | undefined } = {},
) => {
  const { groups, spread = 1, scale = 1 } = options;
  const vector = (shift: number, size: number) => ({ shape: [N], scale: size, shift, dtype: "f32" as const });
  const x = { shape: [N, D], scale: 0.5 };
  const group = groups ? { shape: [N], dtype: "i32" as const, integer: groups } : null;
  // lowest is close to the scores, so that 16-bit types can represent the exponentials
  const sums = [2 + Math.log(N), 2 + Math.log(N), 1, 1].map((shift) => vector(shift + spread, spread));
  return { name, inputs: [x, x, group, ...sums, ...[0, 0, 0, 0].map((shift) => vector(shift, 1))], attrs: { scale } };
};

defineCases(contrastiveGrad, [
  row("one", 1, 1),
  row("odd", 7, 5, { scale: 2 }),
  row("prime", 131, 37),
  row("several tiles", 70, 96),
  row("far apart", 67, 24, { spread: 38 }),
  row("groups", 61, 24, { groups: 9 }),
  row("many rows", 301, 20),
]);
