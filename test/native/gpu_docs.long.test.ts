// The tables of docs/gpu.md are those of this build, and the occupancy that they state is CUDA's.
import { existsSync, readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { blocksPerMultiprocessor, kernelTables, LOGS, nvccVersion, withTables } from "../../scripts/gpu_docs.js";

const test = suite("tables of kernels");
const page = readFileSync("docs/gpu.md", "utf8");

test("blocks per multiprocessor are those of the occupancy calculator", () => {
  // registers, threads, bytes of shared memory: blocks, from the tables of compute capability 9.0
  for (const [registers, threads, bytes, blocks] of [
    [32, 256, 0, 8],
    [32, 1024, 0, 2],
    [255, 128, 0, 2],
    [128, 256, 0, 2],
    [96, 256, 0, 2],
    [80, 256, 0, 3],
    [168, 128, 74 * 1024, 3],
    [168, 128, 75 * 1024, 3],
    [168, 128, 76 * 1024, 2],
    [16, 32, 0, 32],
    [32, 64, 227 * 1024, 1],
  ]) {
    assert.is(blocksPerMultiprocessor(registers, threads, bytes), blocks, `${registers} ${threads} ${bytes}`);
  }
});

const version = nvccVersion();
if (!existsSync(LOGS)) {
  process.stdout.write("SKIP the tables of kernels: no nvcc, so no CUDA kernels were built\n");
} else if (!page.includes(`nvcc ${version}.`)) {
  process.stdout.write(`SKIP the tables of kernels: nvcc ${version} is not the one that they were written with\n`);
} else {
  test("docs/gpu.md is up to date: npm run docs:gpu", async () => {
    assert.is(withTables(page, await kernelTables()), page);
  });
}

test.run();
