import { type AttentionAttrs } from "#lib/ops/attention/attention_attrs.js";
import { attentionGrad } from "#lib/ops/attention/attention_grad.js";
import { defineCases } from "../case_table.js";

const attrs = (heads: number, scale: number, causal = false) => ({ heads, scale, causal });

const mask = (N: number, Sk: number, integer = 2) => ({ shape: [N, Sk], dtype: "u8" as const, integer });

type Mask = { shape: number[]; dtype: "u8" | "f32"; integer: number };

const row = (name: string, [N, Sq, Sk, C]: number[], a: AttentionAttrs, m: Mask | null = null, scale = 1) => ({
  name,
  inputs: [{ shape: [N, Sq, C], scale }, { shape: [N, Sk, C] }, { shape: [N, Sk, C] }, m, { shape: [N, Sq, C] }],
  attrs: a,
});

defineCases(attentionGrad, [
  row("one", [1, 1, 1, 1], attrs(1, 1)),
  row("odd", [2, 7, 7, 15], attrs(3, 0.5)),
  row("heads of 16", [1, 17, 17, 32], attrs(2, 0.25)),
  row("heads of 32", [2, 34, 34, 96], attrs(3, 0.2), mask(2, 34)),
  row("heads of 64", [1, 35, 35, 128], attrs(2, 0.125), mask(1, 35)),
  row("heads of 128", [1, 31, 31, 128], attrs(1, 0.09)),
  row("sharp", [1, 23, 23, 40], attrs(2, 1), null, 4),
  row("cross", [3, 5, 67, 24], attrs(2, 0.3), mask(3, 67)),
  row("causal", [2, 37, 37, 26], attrs(2, 0.3, true)),
  row("causal cross", [1, 5, 41, 16], attrs(1, 0.3, true), mask(1, 41)),
  row("causal unseen", [1, 40, 9, 16], attrs(1, 0.3, true)),
  row("negative scale", [1, 9, 70, 16], attrs(1, -0.4)),
  row("equal weights", [1, 3, 33, 16], attrs(2, 0), mask(1, 33)),
  row("f32 mask", [1, 40, 33, 64], attrs(1, 0.3), { ...mask(1, 33), dtype: "f32" }),
  row("odd heads above 32", [2, 5, 19, 74], attrs(2, 0.3), mask(2, 19)),
  row("wide heads", [1, 3, 35, 300], attrs(2, 0.2), mask(1, 35)),
  row("odd wide heads", [1, 34, 7, 131], attrs(1, 0.2)),
  row("no key", [2, 3, 11, 16], attrs(2, 0.3), mask(2, 11, 1)),
  row("many keys", [1, 3, 131, 20], attrs(1, 0.3), mask(1, 131), 2),
  row("causal tiles", [1, 77, 77, 8], attrs(1, 1, true), null, 3),
  row("causal tiles of two heads", [2, 70, 133, 64], attrs(2, 0.2, true), mask(2, 133)),
  row("more queries than keys", [2, 131, 66, 48], attrs(1, 0.2), mask(2, 66)),
]);
