import { matmul } from "#lib/ops/matmul/matmul.js";
import { matmulBf16 } from "#lib/ops/matmul/matmul_bf16.js";
import { casesOf, defineCases } from "../case_table.js";
import "./matmul.js";

defineCases(matmulBf16, casesOf(matmul));
