// The GPU file has the kernels that the addon launches, under the names by which it looks them up: the names in the host's
// objects are compared with the reports of ptxas. Without this test a kernel could be missing until a GPU runs it.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("GPU file");
const file = "build/Release/videoclip.gpu";
const device = "build/device_code";
const host = "build/CMakeFiles/kernels_launched.dir/launched";

/** Names of C++ in readable form. */
function demangled(names: string[], ...options: string[]): string[] {
  if (names.length === 0) return [];
  const run = spawnSync("c++filt", options, { input: names.join("\n"), encoding: "utf8" });
  assert.is(run.status, 0, run.stderr);
  return run.stdout.trim().split("\n");
}

/** A function's text without return type and parameters, as native/cpp/runtime/device_code.cc reads it. */
function kernelOf(text: string): string {
  const name = text.replace(/^void /, "");
  let depth = 0;
  for (const [i, c] of [...name].entries()) {
    if (c === "<") depth++;
    if (c === ">") depth--;
    if (c === "(" && depth === 0) return name.slice(0, i);
  }
  return name;
}

/** Kernels by op that the functions in the host's objects launch. */
function launched(path: string): string[] {
  const types = readFileSync(path, "latin1").match(/N9videoclip10KernelNameIXadL_Z\w+/g) ?? [];
  const names = demangled([...new Set(types)], "-t");
  return names.map((name) => kernelOf(name.replace(/^videoclip::KernelName<&\(?/, "").replace(/\)?>$/, ""))).sort();
}

/** Kernels that ptxas compiled for an op. */
function compiled(path: string): string[] {
  const symbols = [...readFileSync(path, "utf8").matchAll(/Compiling entry function '(\w+)'/g)].map(
    (match) => match[1]!,
  );
  return demangled([...new Set(symbols)])
    .map(kernelOf)
    .sort();
}

const files = (folder: string, end: string) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(end))
    .sort();

test("the signature of a function is left out", () => {
  assert.is(kernelOf("void a::k<(E)1, b<c> >(a::Args, int)"), "a::k<(E)1, b<c> >");
  assert.is(kernelOf("a::k(a::Args)"), "a::k");
});

if (!existsSync(file)) {
  process.stdout.write("SKIP the kernels of the GPU file: no nvcc, so none was built\n");
} else {
  const logs = files(device, ".fatbin.log");

  test("the file has an image for each kernel file, under the name of its op", () => {
    const data = readFileSync(file);
    assert.is(data.toString("latin1", 0, 8), "VCGPU001");
    const count = Number(data.readBigUInt64LE(8));
    const names = Array.from({ length: count }, (_, i) => {
      const at = 16 + i * 64;
      const [offset, bytes] = [data.readBigUInt64LE(at + 48), data.readBigUInt64LE(at + 56)].map(Number);
      assert.ok(offset! + bytes! <= data.length, "an image beyond the end of the file");
      assert.is(data.readUInt32LE(offset!), 0xba55ed50, "the magic number of a fat binary");
      return data.toString("latin1", at, at + 48).replace(/\0+$/, "");
    });
    assert.equal(names.sort(), logs.map((log) => basename(log).split(".")[0]).sort());
  });

  for (const log of logs) {
    const op = log.replace(/\.fatbin\.log$/, "");
    test(`${op}: the kernels that are launched are those that are compiled`, () => {
      const names = launched(join(host, `${op}.cc.o`));
      assert.ok(names.length > 0, "no kernel");
      assert.equal(names, compiled(join(device, log)));
    });
  }
}

test.run();
