// Every op on every case of its shape table, on every instruction set, against its float64 reference.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadAddon } from "../../dist/binding.js";
import "../../dist/graph/ops/index.js";
import { type CaseInput, elements, type OpDefinition, opDefinitions } from "../../dist/graph/tensor.js";
import { hashValues } from "../../dist/nn/random_weights.js";
import * as ops from "../../dist/ops.js";

const test = suite("conformance");
/** Relative L2 that f32 kernels may differ by: one rounding is 3e-8, sums here are short. */
const LIMIT = 1e-6;

function makeInput(rule: CaseInput, name: string) {
  const v = hashValues("conformance/", name, elements(rule.shape));
  const integers = rule.integer ?? 0;
  if (rule.dtype === "u8") return { shape: rule.shape, data: Uint8Array.from(v, (x) => Math.floor((x + 1) * 127.9)) };
  if (rule.dtype === "i32")
    return { shape: rule.shape, data: Int32Array.from(v, (x) => Math.floor(((x + 1) / 2) * integers)) };
  if (integers) return { shape: rule.shape, data: v.map((x) => Math.round(x * integers)) };
  return { shape: rule.shape, data: v.map((x) => x * (rule.scale ?? 1) + (rule.shift ?? 0)) };
}

const isas = loadAddon().addon.isas();
const wanted = process.env.VIDEOCLIP_ISA ?? isas.filter((isa) => isa.supported).at(-1)!.name;
const panelWidth = isas.find((isa) => isa.name === wanted)!.panelWidth;

for (const definition of opDefinitions().values() as Iterable<OpDefinition<Record<string, unknown>>>) {
  if (definition.name === "reshape") continue; // a view: no kernel
  for (const row of definition.cases) {
    test(`${definition.name}: ${row.name}`, async () => {
      const attrs = "panelWidth" in row.attrs ? { ...row.attrs, panelWidth } : row.attrs;
      const inputs = row.inputs.map((rule, i) => rule && makeInput(rule, `${definition.name}/${row.name}/${i}`));
      const expected = definition.reference(
        inputs.map((x) => x && { shape: x.shape, data: Float64Array.from(x.data) }),
        attrs,
      );
      const got = await ops.runOp(definition, inputs, attrs);
      assert.is(got.length, expected.length);
      got.forEach((value, i) => {
        assert.equal([...value.shape], [...expected[i].shape]);
        let difference = 0;
        let norm = 0;
        value.data.forEach((v, j) => {
          difference += (v - expected[i].data[j]) ** 2;
          norm += expected[i].data[j] ** 2;
        });
        const error = Math.sqrt(difference / (norm || 1));
        const exact = row.inputs.every((rule) => !rule || rule.integer) && definition.name !== "embedding";
        assert.ok(exact ? difference === 0 : error <= LIMIT, `relative L2 ${error}${exact ? " (must be exact)" : ""}`);
      });
    });
  }
}

test("every native op has a definition", () => {
  for (const file of [
    ...readdirSync("native/cpp/ops"),
    ...readdirSync("native/cpp/cpu").filter((f) => f.endsWith(".cc")),
  ]) {
    assert.ok(opDefinitions().has(file.replace(/\.(h|cc)$/, "")), file);
  }
});

test("every op has a contract and a CPU kernel", () => {
  for (const name of opDefinitions().keys()) {
    if (name === "reshape") continue;
    assert.ok(existsSync(`native/cpp/ops/${name}.h`), `native/cpp/ops/${name}.h`);
    assert.ok(existsSync(`native/cpp/cpu/${name}.cc`), `native/cpp/cpu/${name}.cc`);
    assert.ok(existsSync(`lib/graph/ops/${name}.ts`), `lib/graph/ops/${name}.ts`);
  }
});

if (!process.env.VIDEOCLIP_ISA) {
  for (const isa of isas.filter((item) => item.supported && item.name !== wanted)) {
    test(`all of it with ${isa.name}`, () => {
      const child = spawnSync(process.execPath, ["--import", "tsx", "test/graph/conformance.test.ts"], {
        env: { ...process.env, VIDEOCLIP_ISA: isa.name },
        encoding: "utf8",
      });
      assert.is(child.status, 0, child.stdout + child.stderr);
    });
  }
}

test.after(() => ops.dispose());
test.run();
