import { reshape } from "#lib/ops/layout/reshape.js";
import { defineCases } from "../case_table.js";

defineCases(reshape, [{ name: "flatten", inputs: [{ shape: [2, 3, 4] }], attrs: { shape: [6, 4] } }]);
