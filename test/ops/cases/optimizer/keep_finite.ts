import { keepFinite } from "#lib/ops/optimizer/keep_finite.js";
import { type CaseInput, defineCases } from "../case_table.js";

const group = (...shape: number[]): CaseInput[] => [{ shape }, { shape }];

const scalerState = { shape: [3], scale: 0.1, shift: 1 };

defineCases(keepFinite, [
  { name: "next", inputs: [scalerState, ...group(1), ...group(7, 5), ...group(4099)], attrs: {} },
  { name: "old", inputs: [{ shape: [3], scale: 0 }, ...group(13), ...group(2, 3)], attrs: {} },
  {
    name: "more than a launch describes",
    inputs: [scalerState, ...Array.from({ length: 50 }, (_, i) => group(i + 1)).flat()],
    attrs: {},
  },
]);
