import { matmul } from "../../../dist/graph/ops/matmul.js";
import { matmulBf16 } from "../../../dist/graph/ops/matmul_bf16.js";
import { casesOf, defineCases } from "./case_table.js";
import "./matmul.js";

defineCases(matmulBf16, casesOf(matmul));
