// The gradient rule of every op agrees with finite differences in float64, and the native gradient agrees with the
// rule.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createDevice } from "#lib/runtime/device.js";
import "#lib/ops/index.js";
import { elements, opDefinitions } from "#lib/graph/tensor.js";
import { casesOf } from "../ops/cases/index.js";
import { type AnyOp, finiteDifferenceError, nativeGradientError } from "./gradient_check.js";

const test = suite("gradients");
const only = process.env.VIDEOCLIP_OPS?.split(",");

/** Inputs with more elements would take minutes in float64 loops; such cases differ from others only in size. */
const MAX_ELEMENTS = 100_000;

const device = createDevice({ device: "cpu" });

for (const op of opDefinitions().values() as Iterable<AnyOp>) {
  if (!op.gradient || (only && !only.includes(op.name))) continue;
  for (const row of casesOf(op)) {
    if (row.inputs.length === 0) continue;
    if (row.inputs.reduce((sum, x) => sum + (x ? elements(x.shape) : 0), 0) > MAX_ELEMENTS) {
      console.log(`      SKIP: ${op.name}: ${row.name}: too many elements for finite differences`);
      continue;
    }
    test(`${op.name}: ${row.name}: the rule equals finite differences`, () => {
      const error = finiteDifferenceError(op, row, op.differentiated);
      assert.ok(error <= 1e-5, `relative error ${error} above 1e-5`);
    });
    if (op.name === "cast") continue; // gradients in its 16-bit types are not tested on the CPU
    test(`${op.name}: ${row.name}: the native gradient equals the rule`, async () => {
      const error = await nativeGradientError(op, row, device, op.differentiated).catch((cause: Error) => {
        throw new Error(cause.message); // the reporter interprets other fields of an error differently
      });
      assert.ok(error <= 1e-4, `relative L2 ${error} above 1e-4`);
    });
  }
}

test("every op has a gradient or a reason why it has none", () => {
  const missing = [...opDefinitions().values()].filter((op) => !op.gradient && !op.notDifferentiable);
  assert.equal(
    missing.map((op) => op.name),
    [],
  );
});

test.after(() => device.dispose());
test.run();
