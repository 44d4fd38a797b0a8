import { crossEntropy } from "#lib/ops/loss/cross_entropy.js";

import { defineCases } from "../case_table.js";

const row = (
  name: string,
  rows: number[],
  C: number,
  options: {
    weight?: boolean | undefined;
    ignoreIndex?: number | undefined;
    smoothing?: number | undefined;
    scale?: number | undefined;
  } = {},
) => {
  const { weight, ignoreIndex = -100, smoothing = 0, scale = 4 } = options;
  return {
    name,
    inputs: [
      { shape: [...rows, C], scale },
      { shape: rows, dtype: "i32" as const, integer: C },
      weight ? { shape: [C], scale: 0.5, shift: 1 } : null,
    ],
    attrs: { ignoreIndex, smoothing },
  };
};

defineCases(crossEntropy, [
  row("one", [1], 1),
  row("odd", [3, 5], 37),
  row("ignored", [67], 5, { ignoreIndex: 2 }),
  row("all ignored", [3], 1, { ignoreIndex: 0 }),
  row("smoothed", [9], 101, { smoothing: 0.1 }),
  row("weighted", [31], 17, { weight: true }),
  row("weighted, smoothed, ignored", [40], 19, { weight: true, smoothing: 0.2, ignoreIndex: 3 }),
  row("many classes", [5], 2051, { smoothing: 0.1 }),
  row("far apart", [7], 33, { scale: 300 }),
  row("many rows", [1031], 8),
]);
