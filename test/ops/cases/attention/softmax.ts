import { softmax } from "#lib/ops/attention/softmax.js";
import { defineCases } from "../case_table.js";

defineCases(
  softmax,
  [false, true].flatMap((log) => [
    { name: `far ${log}`, inputs: [{ shape: [7, 33], scale: 40, shift: 200 }], attrs: { log } },
    { name: `one ${log}`, inputs: [{ shape: [3, 1] }], attrs: { log } },
    { name: `64 ${log}`, inputs: [{ shape: [9, 64], scale: 6 }], attrs: { log } },
    { name: `1001 ${log}`, inputs: [{ shape: [2, 1001], scale: 6 }], attrs: { log } },
    { name: `2064 ${log}`, inputs: [{ shape: [2, 2064], scale: 6 }], attrs: { log } },
    { name: `1031 ${log}`, inputs: [{ shape: [2, 1031], scale: 6 }], attrs: { log } },
  ]),
);
