// Compares a kernel's result with the float64 reference.
import * as assert from "uvu/assert";
import type { Array64, OpDefinition } from "#lib/graph/tensor.js";
import type { OpCase } from "./cases/case_table.js";
import type { NDArray } from "#lib/ops.js";
import { roundTo } from "./case_input.js";

export type Result = NDArray<Float32Array | Uint8Array | Int32Array | Uint16Array>;
type Limits = Record<string, number>;

/** Whether sums of the case's small integers are exact, so that results must be exact too. */
function isExact(op: OpDefinition<never>, row: OpCase<never>): boolean {
  return row.inputs.every((rule) => !rule || rule.integer) && op.name !== "embedding";
}

/** Fails if the shape differs or the relative L2 exceeds the limit of the storage type of the result. */
export function check(op: OpDefinition<never>, row: OpCase<never>, got: Result[], expected: Array64[], limits: Limits) {
  const exact = isExact(op, row);
  assert.is(got.length, expected.length);
  got.forEach(({ data, shape, dtype = "f32" }, i) => {
    assert.equal([...shape], [...expected[i].shape]);
    let difference = 0;
    let norm = 0;
    roundTo.decode(data, dtype).forEach((v, j) => {
      const reference = exact ? roundTo.nearest(expected[i].data[j], dtype) : expected[i].data[j];
      if (Number.isFinite(reference)) norm += reference ** 2;
      if (v === reference || (Number.isNaN(v) && Number.isNaN(reference))) return; // infinities may be equal
      difference += (v - reference) ** 2;
    });
    const error = Math.sqrt(difference / (norm || 1));
    const limit = exact ? 0 : (limits[dtype] ?? 0);
    assert.ok(error <= limit, `relative L2 ${error}${exact ? " (must be exact)" : ` above ${limit}`}`);
  });
}
