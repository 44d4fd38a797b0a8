import { adam, type AdamAttrs } from "#lib/ops/optimizer/adam.js";
import { type CaseInput, defineCases } from "../case_table.js";

const group = (...shape: number[]): CaseInput[] => [
  { shape },
  { shape },
  { shape },
  { shape, shift: 1.1 }, // not negative
];

const rates = { shape: [3], scale: 0.01, shift: 0.1 };

const scalerState = { shape: [3], scale: 0.1, shift: 1 };

const skip = { shape: [3], scale: 0 };

const attrs = (change: Partial<AdamAttrs> = {}): AdamAttrs => ({
  beta1: 0.9,
  beta2: 0.98,
  eps: 1e-8,
  weightDecay: 0,
  decoupled: true,
  ...change,
});

defineCases(adam, [
  { name: "one", inputs: [rates, scalerState, ...group(1)], attrs: attrs() },
  {
    name: "odd, decay",
    inputs: [rates, scalerState, ...group(7, 5), ...group(13)],
    attrs: attrs({ weightDecay: 0.3 }),
  },
  {
    name: "coupled decay",
    inputs: [rates, scalerState, ...group(33, 131), ...group(11), ...group(8192)],
    attrs: attrs({ weightDecay: 0.3, decoupled: false, eps: 1e-3 }),
  },
  {
    name: "more than a launch describes",
    inputs: [rates, scalerState, ...Array.from({ length: 27 }, (_, i) => group(i + 1)).flat()],
    attrs: attrs(),
  },
  { name: "not finite", inputs: [rates, skip, ...group(37), ...group(3)], attrs: attrs({ weightDecay: 0.3 }) },
]);
