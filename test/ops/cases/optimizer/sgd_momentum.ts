import { sgdMomentum, type SgdMomentumAttrs } from "#lib/ops/optimizer/sgd_momentum.js";
import { type CaseInput, defineCases } from "../case_table.js";

const group = (...shape: number[]): CaseInput[] => [{ shape }, { shape }, { shape }];

const rate = { shape: [1], shift: 2 };

const scalerState = { shape: [3], scale: 0.1, shift: 1 };

const attrs = (change: Partial<SgdMomentumAttrs> = {}): SgdMomentumAttrs => ({
  momentum: 0.9,
  weightDecay: 0,
  nesterov: false,
  ...change,
});

defineCases(sgdMomentum, [
  { name: "one", inputs: [rate, scalerState, ...group(1)], attrs: attrs() },
  { name: "decay", inputs: [rate, scalerState, ...group(7, 5), ...group(4099)], attrs: attrs({ weightDecay: 0.2 }) },
  { name: "nesterov", inputs: [rate, scalerState, ...group(33, 131), ...group(2)], attrs: attrs({ nesterov: true }) },
  {
    name: "more than a launch describes",
    inputs: [rate, scalerState, ...Array.from({ length: 35 }, (_, i) => group(i + 1)).flat()],
    attrs: attrs({ momentum: 0 }),
  },
  { name: "not finite", inputs: [rate, { shape: [3], scale: 0 }, ...group(37)], attrs: attrs() },
]);
