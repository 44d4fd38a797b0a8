// Every op on every case of its shape table, on every instruction set, against its float64 reference.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadAddon } from "../../dist/binding.js";
import "../../dist/graph/ops/index.js";
import { type OpDefinition, opDefinitions } from "../../dist/graph/tensor.js";
import * as ops from "../../dist/ops.js";
import { makeInput } from "./case_input.js";
import { casesOf } from "./cases/index.js";
import { check, type Result } from "./compare.js";

const test = suite("conformance");
const only = process.env.VIDEOCLIP_OPS?.split(",");
/** Relative L2: one rounding to f32 is 3e-8 and sums here are short; one to f16 or bf16 is all that may happen. */
const LIMITS = { f32: 1e-6, f16: 3e-4, bf16: 2.5e-3 };

const isas = loadAddon().addon.isas();
const wanted = process.env.VIDEOCLIP_ISA ?? isas.filter((isa) => isa.supported).at(-1)!.name;
const panelWidth = isas.find((isa) => isa.name === wanted)!.panelWidth;

for (const definition of opDefinitions().values() as Iterable<OpDefinition<Record<string, unknown>>>) {
  if (definition.isView) continue;
  if (only && !only.includes(definition.name)) continue;
  for (const row of casesOf(definition)) {
    test(`${definition.name}: ${row.name}`, async () => {
      const attrs = "panelWidth" in row.attrs ? { ...row.attrs, panelWidth } : row.attrs;
      const inputs = row.inputs.map(
        (rule, i) => rule && makeInput(rule, `conformance/${definition.name}/${row.name}/${i}`),
      );
      const expected = definition.reference(
        inputs.map((x) => x && { shape: x.shape, data: x.values }),
        attrs,
      );
      const got = await ops.runOp<typeof attrs, Result[]>(definition, inputs, attrs);
      check(definition as never, row as never, got, expected, LIMITS);
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
  const list = /set\(VIDEOCLIP_CPU_ONLY_OPS\s([^)]*)\)/.exec(readFileSync("native/ops.cmake", "utf8"));
  const cpuOnly = new Set(list![1].match(/\w+/g));
  for (const { name, isView, notOnGpu } of opDefinitions().values()) {
    if (isView) continue;
    assert.is(cpuOnly.has(name), notOnGpu !== undefined, `${name}: notOnGpu and VIDEOCLIP_CPU_ONLY_OPS disagree`);
    assert.is(existsSync(`native/cuda/${name}.cu`), notOnGpu === undefined, `native/cuda/${name}.cu`);
    assert.ok(existsSync(`native/cpp/ops/${name}.h`), `native/cpp/ops/${name}.h`);
    assert.ok(existsSync(`native/cpp/cpu/${name}.cc`), `native/cpp/cpu/${name}.cc`);
    assert.ok(existsSync(`lib/graph/ops/${name}.ts`), `lib/graph/ops/${name}.ts`);
    assert.ok(existsSync(`test/graph/cases/${name}.ts`), `test/graph/cases/${name}.ts`);
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
