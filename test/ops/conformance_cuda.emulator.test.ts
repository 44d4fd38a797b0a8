// Every CUDA kernel equals the float64 reference in every case of its op's shape table and in every storage type: on
// the emulator (with three orders of warps), or on a GPU with VIDEOCLIP_DEVICE=cuda. VIDEOCLIP_OPS and VIDEOCLIP_DTYPES choose
// some ops and types.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadAddon } from "#lib/runtime/binding.js";
import type { DeviceName, Precision } from "#lib/runtime/device.js";
import "#lib/ops/index.js";
import { operandOf, opDefinitions } from "#lib/graph/tensor.js";
import * as ops from "#lib/ops.js";
import { chosen, recorded } from "../support/journal.js";
import { type CaseValue, makeInput } from "./case_input.js";
import { type AnyOp, checkLastAlone } from "./batch_rows.js";
import { casesOf } from "./cases/index.js";
import { check, type Result } from "./compare.js";
import { bytesOf } from "../support/numbers.js";

const test = suite("CUDA conformance");
const device = (process.env.VIDEOCLIP_DEVICE ?? "cuda-emulated") as DeviceName;
const isChosen = { op: chosen("VIDEOCLIP_OPS"), dtype: chosen("VIDEOCLIP_DTYPES") };
const { emulator } = loadAddon().addon;
const orders = device.startsWith("cuda-emulated") ? [0, -1, 7] : [0];
/** Limits of the relative L2 by the storage type of the results. */
const LIMITS = { f32: 1e-5, f16: 1e-3, bf16: 8e-3 };
const run = (op: AnyOp, inputs: (CaseValue | null)[], attrs: Record<string, unknown>) =>
  ops.runOp<Record<string, unknown>, Result[]>(op, inputs, attrs);

for (const definition of opDefinitions().values() as Iterable<AnyOp>) {
  const { name, storage, isView, notOnGpu, tf32 } = definition;
  if (isView || notOnGpu || !isChosen.op(name)) continue;
  const dtypes = storage === "f32" ? ["f32"] : ["f32", "bf16", "f16"];
  if (tf32) dtypes.push("tf32"); // f32 storage, rounded in products
  for (const row of casesOf(definition)) {
    for (const dtype of dtypes.filter(isChosen.dtype)) {
      const title = `${name} ${dtype}: ${row.name}`;
      const body = async () => {
        compute(dtype === "tf32" ? "tf32" : "f32");
        const inputs = row.inputs.map((rule, slot) => {
          const full = rule?.dtype || operandOf(definition as never, slot)?.f32;
          return (
            rule &&
            makeInput(
              full || dtype === "tf32" ? rule : { ...rule, dtype: dtype as "f32" },
              `conformance/${name}/${row.name}/${slot}`,
            )
          );
        });
        const attrs = "dtype" in row.attrs || name === "preprocess" ? { ...row.attrs, dtype } : row.attrs;
        const expected = definition.reference(
          inputs.map((x) => x && { shape: x.shape, data: x.values }),
          attrs,
        );
        let first: Awaited<ReturnType<typeof run>> | undefined;
        for (const order of orders) {
          emulator?.setOrder(order);
          const got = await run(definition, inputs, attrs);
          first ??= got;
          got.forEach((value, i) => {
            assert.is(Buffer.compare(bytesOf(value.data), bytesOf(first![i].data)), 0, `order ${order}: other bits`);
          });
        }
        emulator?.setOrder(0);
        check(definition as never, row as never, first!, expected, dtype === "tf32" ? { f32: 1e-3 } : LIMITS);
        await checkLastAlone(definition, inputs, attrs, first!, (part) => run(definition, part, attrs));
      };
      test(title, recorded(name, title, body));
    }
  }
}

let precision: Precision | undefined;
function compute(wanted: Precision): void {
  if (precision !== wanted) ops.configure({ device, precision: wanted });
  precision = wanted;
}

test.after(() => ops.dispose());
test.run();
