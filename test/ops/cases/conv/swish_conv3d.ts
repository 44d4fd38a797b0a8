import { conv3dAttrs } from "#lib/ops/conv/conv3d.js";
import { swishConv3d } from "#lib/ops/conv/swish_conv3d.js";
import { type CaseInput, defineCases } from "../case_table.js";

const x = (...shape: number[]): CaseInput => ({ shape });

defineCases(swishConv3d, [
  {
    name: "one position",
    inputs: [x(1, 1, 1, 1, 5), x(9, 5, 1, 1, 1)],
    attrs: conv3dAttrs({ outChannels: 9, kernel: [1, 1, 1] }),
  },
  {
    name: "squeeze-and-excitation",
    inputs: [x(3, 2, 5, 7, 54), x(24, 54, 1, 1, 1), x(24), x(3, 2, 5, 7, 24), x(3, 54)],
    attrs: conv3dAttrs({ outChannels: 24, kernel: [1, 1, 1], activation: "relu" }),
  },
  {
    name: "between two activations",
    inputs: [x(1, 2, 3, 5, 20), x(13, 20, 1, 1, 1), x(13)],
    attrs: conv3dAttrs({ outChannels: 13, kernel: [1, 1, 1], activation: "tanh" }),
  },
  {
    name: "many blocks, several outputs",
    inputs: [{ shape: [2, 3, 20, 20, 17], scale: 20 }, x(71, 17, 1, 1, 1), x(71)],
    attrs: conv3dAttrs({ outChannels: 71, kernel: [1, 1, 1], split: [40, 31] }),
  },
]);
