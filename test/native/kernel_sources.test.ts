// Kernel files obey the rules that no compiler enforces: the emulator does not check code that bypasses handles and
// primitives.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("kernel sources");

const forbidden: [RegExp, string][] = [
  [/__global__[^;{]*?\w\s*\([^)]*\*/, "a raw pointer as kernel parameter; take a Global<T>"],
  [/<<</, "<<<>>>; use launch()"],
  [/\b__shared__\b/, "__shared__; use shared_array<T>()"],
  [/\basm\b/, "inline assembly; it belongs in primitives/"],
  [/\b__(syncthreads|syncwarp|shfl|ballot|any|all)\w*\s*\(/, "a CUDA intrinsic; use primitives/sync.h and warp.h"],
  [/\batomic\w+\s*\(/, "an atomic; sums are taken in a fixed order"],
  [/#include\s*[<"](cuda_|cuda\.h|mma\.h)/, "a CUDA header; include primitives/"],
];

/** The violations of a kernel file; comments are ignored. */
function violations(source: string): string[] {
  const code = source.replace(/\/\/.*$/gm, "").replace(/\/\*[^]*?\*\//g, "");
  return forbidden.filter(([pattern]) => pattern.test(code)).map(([, message]) => message);
}

test("violations are found", () => {
  const clean = "__global__ void __launch_bounds__(128) k(Arguments p) { x = a * b; } // float* <<<";
  assert.equal(violations(clean), []);
  assert.equal(violations("template <typename T>\n__global__ void k(const T* x, int n) {}").length, 1);
  assert.equal(
    violations("__global__ void __launch_bounds__(kThreads, 2)\nk(int n,\n  float *__restrict__ x) {}").length,
    1,
  );
  for (const bad of [
    "k<<<1, 2>>>();",
    "__shared__ float s[4];",
    'asm volatile("");',
    "__syncthreads();",
    "__shfl_xor_sync(m, x, 1);",
    "atomicAdd(p, 1);",
    "#include <cuda_bf16.h>",
  ]) {
    assert.is(violations(bad).length, 1, bad);
  }
});

test("kernel files use only the primitives", () => {
  const files = existsSync("native/cuda")
    ? readdirSync("native/cuda", { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".cu"))
    : [];
  const found = [...files.map((file) => `native/cuda/${file}`), "test/native/emulator/examples.cu"].flatMap((file) =>
    violations(readFileSync(file, "utf8")).map((message) => `${file}: ${message}`),
  );
  assert.equal(found, []);
});

test.run();
