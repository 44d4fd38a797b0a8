// `npm run new-op NAME` in a copy of the folders that it writes to: all the places of an op, in files that compile.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("new-op");
const folder = mkdtempSync(join(tmpdir(), "videoclip-new-op-"));
const lists = ["native/ops.cmake", "lib/ops/index.ts", "test/ops/cases/index.ts"];
const places = [
  "native/cpp/ops/layout/near_copy.h",
  "native/cpp/cpu/layout/near_copy.cc",
  "native/cuda/layout/near_copy.cu",
  "lib/ops/layout/near_copy.ts",
  "test/ops/cases/layout/near_copy.ts",
];
const run = (name: string) =>
  spawnSync(process.execPath, [resolve("scripts/new_op.mjs"), name], { cwd: folder, encoding: "utf8" });
const ops = (text: string, list: string) => text.split(`set(${list}`)[1].split(")")[0].trim().split(/\s+/);

test("lays out every place of an op", () => {
  for (const path of [...places, ...lists]) mkdirSync(join(folder, path, ".."), { recursive: true });
  for (const path of lists) cpSync(path, join(folder, path));
  const { status, stderr } = run("layout/near_copy");
  assert.is(status, 0, stderr);
  for (const path of places) assert.ok(existsSync(join(folder, path)), path);
  const [cmake, index, cases] = lists.map((path) => readFileSync(join(folder, path), "utf8"));
  const before = ops(readFileSync(lists[0], "utf8"), "VIDEOCLIP_OPS");
  assert.equal(ops(cmake, "VIDEOCLIP_OPS"), [...before, "layout/near_copy"].sort());
  assert.ok(index.includes('export * from "./layout/near_copy.js";\n'));
  assert.ok(cases.includes('import "./layout/near_copy.js";\n'));
});

test("the kernels compile", () => {
  const compiler = process.env.CXX ?? "c++";
  if (spawnSync(compiler, ["--version"]).status !== 0) {
    process.stdout.write("SKIP the kernels compile: no C++ compiler\n");
    return;
  }
  const roots = [join(folder, "native"), join(folder, "native/cpp"), "native", "native/cpp"].map((path) => `-I${path}`);
  for (const [path, define] of [
    [places[1], "VIDEOCLIP_ISA=portable"],
    [places[2], "VIDEOCLIP_EMULATED"],
  ]) {
    const flags = ["-std=gnu++17", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas"];
    const args = [...flags, `-D${define}`, ...roots, "-x", "c++", join(folder, path)];
    const { status, stderr } = spawnSync(compiler, args, { encoding: "utf8" });
    assert.is(status, 0, stderr);
  }
});

test("overwrites nothing and takes only names of ops", () => {
  assert.is(run("layout/near_copy").status, 1);
  for (const name of ["layout/NearCopy", "layout/near-copy", "near_copy", "nowhere/near_copy", ""])
    assert.is(run(name).status, 2, name);
});

test.after(() => rmSync(folder, { recursive: true }));
test.run();
