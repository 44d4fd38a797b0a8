// Every op equals its float64 reference in every case of its shape table, on every instruction set and in every storage
// type that its kernel takes; an entry of a batch has the same bits alone.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { basename } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadAddon } from "#lib/runtime/binding.js";
import "#lib/ops/index.js";
import { operandOf, opDefinitions } from "#lib/graph/tensor.js";
import * as ops from "#lib/ops.js";
import { type AnyOp, checkLastAlone } from "./batch_rows.js";
import { makeInput } from "./case_input.js";
import type { CaseInput, OpCase } from "./cases/case_table.js";
import { casesOf } from "./cases/index.js";
import { check, type Result } from "./compare.js";

const test = suite("conformance");
const only = process.env.VIDEOCLIP_OPS?.split(",");
/** Relative L2: one rounding to f32 is 3e-8 and sums here are short; f16 and bf16 may be rounded once. */
const LIMITS = { f32: 1e-6, f16: 3e-4, bf16: 2.5e-3 };

const isas = loadAddon().addon.isas();
const wanted = process.env.VIDEOCLIP_ISA ?? isas.filter((isa) => isa.supported).at(-1)!.name;
const { panelWidth, tileDepth } = isas.find((isa) => isa.name === wanted)!;

/** The storage types in which a kernel runs a case. */
function storageTypes(op: AnyOp, row: { inputs: (CaseInput | null)[]; attrs: Record<string, unknown> }) {
  if (op.name === "conv3d_bf16") return ["bf16"] as const;
  const types = row.inputs.map((rule) => rule && { shape: rule.shape, dtype: "f32" as const });
  return op.bf16OnCpu?.(row.attrs, types) ? (["f32", "bf16"] as const) : (["f32"] as const);
}

/** The inputs of a case, with activations in a storage type; packed weights and operands that are f32 stay f32. */
function inputsOf(op: AnyOp, row: OpCase<Record<string, unknown>>, dtype: "f32" | "bf16") {
  const packed = op.packedOnCpu?.(row.attrs, { panelWidth, tileDepth }).map(({ slot }) => slot) ?? [];
  return row.inputs.map((rule, slot) => {
    if (!rule) return rule;
    const full = dtype === "f32" || rule.dtype || packed.includes(slot) || operandOf(op as never, slot)?.f32;
    return makeInput(full ? rule : { ...rule, dtype }, `conformance/${op.name}/${row.name}/${slot}`);
  });
}

for (const definition of opDefinitions().values() as Iterable<AnyOp>) {
  if (definition.isView) continue;
  if (only && !only.includes(definition.name)) continue;
  for (const row of casesOf(definition)) {
    for (const dtype of storageTypes(definition, row)) {
      test(`${definition.name}${dtype === "f32" ? "" : ` ${dtype}`}: ${row.name}`, async () => {
        const given = "panelWidth" in row.attrs ? { ...row.attrs, panelWidth, tileDepth } : row.attrs;
        const attrs = definition.name === "preprocess" ? { ...given, dtype } : given;
        const inputs = inputsOf(definition, row, dtype);
        const expected = definition.reference(
          inputs.map((x) => x && { shape: x.shape, data: x.values }),
          attrs,
        );
        const run = (of: typeof inputs) => ops.runOp<typeof attrs, Result[]>(definition, of, attrs);
        const got = await run(inputs);
        check(definition as never, row as never, got, expected, LIMITS);
        await checkLastAlone(definition, inputs, attrs, got, run);
      });
    }
  }
}

/** The ops of a list in native/ops.cmake: name to family. */
function listed(list: string): Map<string, string> {
  const body = new RegExp(`set\\(${list}\\s([^)]*)\\)`).exec(readFileSync("native/ops.cmake", "utf8"))![1];
  return new Map([...body.matchAll(/(\w+)\/(\w+)/g)].map(([, family, name]) => [name, family]));
}

/** Paths of the files below a folder that end in `ending`, without the ending. */
const stems = (folder: string, ending: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(ending))
    .map((path) => path.slice(0, -ending.length));

test("every native op has a definition", () => {
  const native = [...stems("native/cpp/ops", ".h"), ...stems("native/cpp/cpu", ".cc"), ...stems("native/cuda", ".cu")];
  for (const path of native) assert.ok(opDefinitions().has(basename(path).split(".")[0]!), path); // OP.PART is a part of OP
});

test("every op has a contract, kernels, a definition and cases in the folders of its family", () => {
  const families = listed("VIDEOCLIP_OPS");
  const cpuOnly = listed("VIDEOCLIP_CPU_ONLY_OPS");
  for (const { name, isView, notOnGpu } of opDefinitions().values()) {
    if (isView) continue;
    assert.ok(families.has(name), `${name} is not in VIDEOCLIP_OPS of native/ops.cmake`);
    const path = `${families.get(name)}/${name}`;
    assert.is(cpuOnly.has(name), notOnGpu !== undefined, `${name}: notOnGpu and VIDEOCLIP_CPU_ONLY_OPS disagree`);
    assert.is(existsSync(`native/cuda/${path}.cu`), notOnGpu === undefined, `native/cuda/${path}.cu`);
    const files = [
      `native/cpp/ops/${path}.h`,
      `native/cpp/cpu/${path}.cc`,
      `lib/ops/${path}.ts`,
      `test/ops/cases/${path}.ts`,
    ];
    for (const file of files) assert.ok(existsSync(file), file);
  }
});

if (!process.env.VIDEOCLIP_ISA) {
  for (const isa of isas.filter((item) => item.supported && item.name !== wanted)) {
    test(`all cases pass with ${isa.name}`, () => {
      const child = spawnSync(process.execPath, ["--import", "tsx", "test/ops/conformance.test.ts"], {
        env: { ...process.env, VIDEOCLIP_ISA: isa.name },
        encoding: "utf8",
      });
      assert.is(child.status, 0, child.stdout + child.stderr);
    });
  }
}

test.after(() => ops.dispose());
test.run();
