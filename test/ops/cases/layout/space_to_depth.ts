import { spaceToDepth } from "#lib/ops/layout/space_to_depth.js";
import { defineCases } from "../case_table.js";

defineCases(spaceToDepth, [
  { name: "odd cells", inputs: [{ shape: [2, 4, 6, 10, 3] }], attrs: {} },
  { name: "8 channels", inputs: [{ shape: [2, 2, 6, 4, 8] }], attrs: {} },
]);
