// An op from `npm run new-op`, with a strided input, a vector that stays f32 and an attribute, passes conformance on
// the CPU and on the emulator in f32, bf16 and f16, with its gradient and its ONNX form, after only its formulas are
// filled in.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { copyPackage } from "../support/copied_package.js";

const test = suite("an op from new-op");
const copy = copyPackage();
const FAMILY = "elementwise";
const NAME = "scaled_tanh";

/** Other ops that the build needs: those of the op's gradient, of the sums that check it, and of slices. */
const OTHERS = [
  ...["binary", "cast", "fill", "unary", "unary_grad"].map((name) => `elementwise/${name}`),
  ...["pad", "permute", "slice"].map((name) => `layout/${name}`),
  "reduce/reduce_sum",
];

function run(command: string, ...args: string[]): string {
  const env = { ...process.env, VIDEOCLIP_OPS: NAME, VIDEOCLIP_CUDA: "off" };
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: copy.folder, encoding: "utf8", env });
  assert.is(status, 0, `${command} ${args.join(" ")}\n${stdout}\n${stderr}`);
  return stdout;
}

const node = (...args: string[]) => run(process.execPath, ...args);

/** Replaces text that the file must contain. */
function edit(path: string, ...pairs: [string, string][]): void {
  let text = readFileSync(join(copy.folder, path), "utf8");
  for (const [from, to] of pairs) {
    assert.ok(text.includes(from), `${path} has no ${from}`);
    text = text.replace(from, to);
  }
  writeFileSync(join(copy.folder, path), text);
}

test("lays out an op, whose formulas are then filled in: y = x tanh(weight) factor", () => {
  run("git", "init", "-q");
  writeFileSync(join(copy.folder, ".gitignore"), "node_modules\nbuild\ndist\n");
  run("git", "add", ".");
  run("git", "-c", "user.name=test", "-c", "user.email=test@example.org", "commit", "-q", "-m", "before");
  node("scripts/new_op.mjs", `${FAMILY}/${NAME}`, "--input", "x", "--vector", "weight", "--attribute", "factor:float");
  const formula = "x * weight *";
  edit(`native/cpp/ops/${FAMILY}/${NAME}.h`, ["x[m, c] * weight[c] * factor", "x[m, c] * tanh(weight[c]) * factor"]);
  edit(
    `native/cpp/cpu/${FAMILY}/${NAME}.cc`,
    [formula, "x * std::tanh(weight) *"],
    ["#include", "#include <cmath>\n\n#include"],
  );
  edit(`native/cuda/${FAMILY}/${NAME}.cu`, [formula, "x * ::tanhf(weight) *"]);
  edit(
    `lib/ops/${FAMILY}/${NAME}.ts`,
    [formula, "x * Math.tanh(weight) *"],
    ["g.mul(dy!, weight!)", 'g.mul(dy!, applyOp(unary, [weight], { kind: "tanh" })[0])'],
    [
      "g.mul(dy!, x!)",
      'g.mul(g.mul(dy!, x!), applyOp(unaryGrad, [weight, g.fill(weight!.shape, 1)], { kind: "tanh" })[0])',
    ],
    ["emit.arranged(weight!)", 'emit.node("Tanh", [emit.arranged(weight!)])'],
    [
      "/** An element",
      'import { applyOp } from "../../graph/trace.js";\nimport { unary } from "./unary.js";\nimport { unaryGrad } from "./unary_grad.js";\n\n/** An element',
    ],
  );
  const status = run("git", "status", "--porcelain", "--untracked-files=all").trimEnd().split("\n");
  assert.equal(
    status.map((line) => line.slice(3)).sort(),
    [
      "lib/ops/index.ts",
      `lib/ops/${FAMILY}/${NAME}.ts`,
      `native/cpp/cpu/${FAMILY}/${NAME}.cc`,
      `native/cpp/ops/${FAMILY}/${NAME}.h`,
      `native/cuda/${FAMILY}/${NAME}.cu`,
      "native/ops.cmake",
      `test/ops/cases/${FAMILY}/${NAME}.ts`,
      "test/ops/cases/index.ts",
    ].sort(),
  );
});

test("builds, with few other ops to save time", () => {
  const path = join(copy.folder, "native/ops.cmake");
  const text = readFileSync(path, "utf8");
  writeFileSync(
    path,
    text
      .replace(/set\(VIDEOCLIP_OPS[^)]*\)/, `set(VIDEOCLIP_OPS ${[...OTHERS, `${FAMILY}/${NAME}`].join(" ")})`)
      .replace(/set\(VIDEOCLIP_CPU_ONLY_OPS[^)]*\)/, "set(VIDEOCLIP_CPU_ONLY_OPS none)"),
  );
  node("scripts/build.mjs", "--emulator");
  writeFileSync(path, text);
});

for (const file of ["ops/conformance", "ops/conformance_cuda.emulator", "autodiff/gradients.long"]) {
  test(`passes ${file}`, () => {
    const passed = node("--import", "tsx", `test/${file}.test.ts`);
    assert.match(passed, new RegExp(`Passed: +[1-9]`), passed);
  });
}

test("its ONNX form agrees with the reference", () => {
  node("--import", "tsx", "test/onnx/ops.test.ts");
});

test("a slice of channels is read in place, on the CPU and on the emulator", () => {
  const program = `
    import { createDevice } from "./dist/runtime/device.js";
    import { scaledTanh, slice, unary } from "./dist/ops/index.js";
    import { compile } from "./dist/runtime/compile.js";
    import { applyOp, input, trace } from "./dist/graph/trace.js";
    const x = Float32Array.from({ length: 30 }, (_, i) => i);
    const weight = Float32Array.from({ length: 5 }, (_, i) => i / 4);
    for (const name of ["cpu", "cuda-emulated"]) {
      const graph = trace(() => {
        const [positive] = applyOp(unary, [input("x", [3, 10])], { kind: "relu" });
        const [part] = applyOp(slice, [positive], { start: [0, 2], size: [3, 5] });
        return { y: applyOp(scaledTanh, [part, input("weight", [5])], { factor: 2 })[0] };
      });
      const device = createDevice({ device: name });
      const program = compile(graph, device);
      const ops = program.instructions.map(({ op }) => op);
      if (ops.includes("slice")) throw new Error(name + ": copies the slice: " + ops);
      const { y } = await program.run({ x, weight });
      for (let i = 0; i < 15; i++) {
        const expected = x[Math.floor(i / 5) * 10 + 2 + (i % 5)] * Math.tanh(weight[i % 5]) * 2;
        if (!(Math.abs(y[i] - expected) < 1e-5)) throw new Error(name + ", " + i + ": " + y[i] + ", not " + expected);
      }
      device.dispose();
    }`;
  node("--input-type=module", "--eval", program);
});

test.after(() => copy.remove());
test.run();
