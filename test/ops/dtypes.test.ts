// An operand of an unsupported type is an error before anything runs, on every device.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import "#lib/ops/index.js";
import { reduceMax } from "#lib/ops/index.js";
import { elements, type OpDefinition, opDefinitions } from "#lib/graph/tensor.js";
import * as ops from "#lib/ops.js";
import { makeInput } from "./case_input.js";
import { casesOf } from "./cases/index.js";

const test = suite("dtypes");

for (const definition of opDefinitions().values() as Iterable<OpDefinition<Record<string, unknown>>>) {
  const { name, anyType } = definition;
  if (anyType) continue;
  const cases = casesOf(definition);
  const count = (row: (typeof cases)[0]) => row.inputs.filter((x) => x).length;
  const most = Math.max(...cases.map(count));
  const row = cases.find((item) => count(item) === most && item.inputs.every((x) => !x || elements(x.shape) < 20000))!;
  const attrs = "panelWidth" in row.attrs ? { ...row.attrs, panelWidth: 16 } : row.attrs;

  for (const [slot, rule] of row.inputs.entries()) {
    if (!rule) continue;
    test(`${name}: integers as operand ${slot} are refused`, () => {
      for (const dtype of ["u8", "i32"] as const) {
        if (cases.some(({ inputs }) => inputs[slot]?.dtype === dtype)) continue; // the op accepts these
        const types = row.inputs.map(
          (x, i) => x && { shape: x.shape, dtype: i === slot ? dtype : (x.dtype ?? ("f32" as const)) },
        );
        assert.throws(
          () => definition.shape(types, attrs),
          (error: { code: string }) => error.code === "ERR_SHAPE",
          `${dtype}: no error`,
        );
      }
    });
    test(`${name}: 16 bits as operand ${slot} alone run or are refused on a GPU`, async () => {
      ops.configure({ device: "cuda-emulated" });
      for (const dtype of ["bf16", "f16"] as const) {
        const inputs = row.inputs.map((x, i) => x && makeInput(i === slot ? { ...x, dtype } : x, `dtypes/${i}`));
        // it works, or the device has no kernel for it, or the op refuses it before a kernel fails
        const code = await ops.runOp(definition, inputs, attrs).then(
          () => "",
          (error) => error.code,
        );
        assert.ok(["", "ERR_UNSUPPORTED", "ERR_SHAPE", "ERR_DTYPE"].includes(code), `${dtype}: ${code}`);
      }
    });
  }
}

test("more blocks than a launch permits are refused", async () => {
  ops.configure({ device: "cuda-emulated" });
  const x = { shape: [1, 1, 65535 * 256 + 1], data: new Float32Array(65535 * 256 + 1) };
  await ops.runOp(reduceMax, [x], {}).then(
    () => assert.unreachable(),
    (error) => assert.match(error.message, /more blocks than one launch can have/),
  );
});

test.after(() => ops.dispose());
test.run();
