// `npm run new-op`, in a copy of the repository, writes all files of an op, and they compile.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { copyPackage } from "../support/copied_package.js";

const test = suite("new-op");
const copy = copyPackage();
const lists = ["native/ops.cmake", "lib/ops/index.ts", "test/ops/cases/index.ts"];
const placesOf = (name: string) => [
  `native/cpp/ops/layout/${name}.h`,
  `native/cpp/cpu/layout/${name}.cc`,
  `native/cuda/layout/${name}.cu`,
  `lib/ops/layout/${name}.ts`,
  `test/ops/cases/layout/${name}.ts`,
];
const run = (...args: string[]) =>
  spawnSync(process.execPath, ["scripts/new_op.mjs", ...args], { cwd: copy.folder, encoding: "utf8" });
const read = (path: string) => readFileSync(join(copy.folder, path), "utf8");
const ops = (text: string, list: string) => text.split(`set(${list}`)[1].split(")")[0].trim().split(/\s+/);

/** The options of an op that uses every feature of the templates. */
const FULL = [
  ...["--input", "x", "--input", "residual", "--vector", "weight", "--vector", "shift"],
  ...["factor:float", "power:int", "isOn:bool", "taps:int[3]", "mean:float[2]", "split:int[]"].flatMap((text) => [
    "--attribute",
    text,
  ]),
];

test("every file of an op is laid out", () => {
  const before = ops(read(lists[0]), "VIDEOCLIP_OPS");
  for (const [name, ...options] of [["near_copy"], ["near_full", ...FULL]]) {
    const { status, stderr } = run(`layout/${name}`, ...options);
    assert.is(status, 0, stderr);
    for (const path of placesOf(name)) assert.ok(existsSync(join(copy.folder, path)), path);
  }
  const [cmake, index, cases] = lists.map(read);
  assert.equal(ops(cmake, "VIDEOCLIP_OPS"), [...before, "layout/near_copy", "layout/near_full"].sort());
  assert.ok(index.includes('export * from "./layout/near_copy.js";\n'));
  assert.ok(cases.includes('import "./layout/near_copy.js";\n'));
});

test("operands and attributes follow the options", () => {
  const [contract, , , definition] = placesOf("near_full").map(read);
  for (const text of ["0 x [..., C] rows, may be a slice", "1 residual like x", "2 weight [C] f32"]) {
    assert.ok(contract.includes(text), text);
  }
  for (const field of ["double factor;", "int64_t power;", "bool is_on;", "int64_t taps[3];", "double mean[2];"]) {
    assert.ok(contract.includes(`  ${field}\n`), field);
  }
  assert.ok(contract.includes("  IntegerList split;\n"));
  assert.ok(definition.includes('{ name: "residual", strided: true, batched: true }'));
  assert.ok(definition.includes('{ name: "shift", f32: true }'));
  assert.not.ok(read("native/cpp/ops/layout/near_copy.h").includes("Attributes"));
});

test("the kernels compile", () => {
  const compiler = process.env.CXX ?? "c++";
  if (spawnSync(compiler, ["--version"]).status !== 0) {
    process.stdout.write("SKIP the kernels compile: no C++ compiler\n");
    return;
  }
  const [, cpu, cuda] = placesOf("near_full");
  for (const [path, define] of [
    [cpu, "VIDEOCLIP_ISA=portable"],
    [cuda, "VIDEOCLIP_EMULATED"],
  ]) {
    const flags = ["-std=gnu++17", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas"];
    const args = [...flags, `-D${define}`, "-Inative", "-Inative/cpp", "-x", "c++", path];
    const { status, stderr } = spawnSync(compiler, args, { cwd: copy.folder, encoding: "utf8" });
    assert.is(status, 0, stderr);
  }
});

test("no file is overwritten, and options that the script cannot lay out are refused", () => {
  assert.is(run("layout/near_copy").status, 1);
  for (const args of [
    ["layout/NearCopy"],
    ["layout/near-copy"],
    ["near_copy"],
    ["nowhere/near_copy"],
    [""],
    ["layout/one", "layout/two"],
    ["layout/fine", "--vector", "x"],
    ["layout/fine", "--vector", "Weight"],
    ["layout/fine", "--input", "y"],
    ["layout/fine", "--attribute", "eps"],
    ["layout/fine", "--attribute", "eps:double"],
    ["layout/fine", "--attribute", "list:int[]", "--attribute", "eps:float"],
    ["layout/fine", "--unknown"],
  ]) {
    const { status, stderr } = run(...args);
    assert.is(status, 2, args.join(" "));
    assert.match(stderr, /Usage: npm run new-op/);
  }
  assert.not.ok(existsSync(join(copy.folder, placesOf("fine")[0])));
});

test.after(() => copy.remove());
test.run();
