// matmul beyond its shape table: its gradient, slices of a wider tensor, equal bits for every number of threads, and
// memory accesses of its CUDA kernels.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadAddon } from "#lib/runtime/binding.js";
import { createDevice } from "#lib/runtime/device.js";
import { differentiate } from "#lib/autodiff/differentiate.js";
import { evaluate64 } from "#lib/graph/evaluate64.js";
import { matmul, slice } from "#lib/ops/index.js";
import { compile } from "#lib/runtime/compile.js";
import { elements } from "#lib/graph/tensor.js";
import { applyOp, input, trace } from "#lib/graph/trace.js";
import * as ops from "#lib/ops.js";
import { makeInput } from "./case_input.js";

const test = suite("matmul");
const { emulator } = loadAddon().addon;
const forms = [false, true].flatMap((transposeA) => [false, true].map((transposeB) => ({ transposeA, transposeB })));
const swap = (shape: number[], yes: boolean) => (yes ? [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!] : shape);

const values = (shape: readonly number[], name: string) => {
  const { values: data } = makeInput({ shape, integer: 3 }, `matmul/${name}`);
  return { shape, data };
};
const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, v, i) => sum + v * b[i], 0);

for (const form of forms) {
  for (const shared of [false, true]) {
    test(`the gradient equals finite differences, ${JSON.stringify(form)}${shared ? ", one b for all" : ""}`, () => {
      const shapes = { a: swap([2, 3, 4], form.transposeA), b: swap(shared ? [4, 5] : [2, 4, 5], form.transposeB) };
      const graph = trace(() => {
        const [a, b] = [input("a", shapes.a), input("b", shapes.b)];
        const [y] = applyOp(matmul, [a, b], form);
        const [da, db] = differentiate([{ value: y, gradient: input("dy", y.shape) }], [a, b]);
        return { y, da: da!, db: db! };
      });
      const given = { a: values(shapes.a, "a"), b: values(shapes.b, "b"), dy: values([2, 3, 5], "dy") };
      const run = (inputs: typeof given) => evaluate64(graph, inputs, () => assert.unreachable() as never);
      const { y, da, db } = run(given);
      for (const [name, gradient] of [
        ["a", da],
        ["b", db],
      ] as const) {
        // the result is linear in each operand: differences are exact for every step
        const step = values(shapes[name], "step").data;
        const moved = { shape: shapes[name], data: given[name].data.map((v, i) => v + step[i]) };
        const difference = run({ ...given, [name]: moved }).y.data.map((v, i) => v - y.data[i]);
        assert.ok(dot(difference, given.dy.data) !== 0);
        assert.is(dot(gradient.data, step), dot(difference, given.dy.data), name);
      }
    });
  }
}

for (const device of ["cpu", "cuda-emulated"] as const) {
  test(`operands can be slices of channels, on ${device}`, async () => {
    const on = createDevice({ device });
    for (const form of forms) {
      const graph = trace(() => {
        const cut = (x: ReturnType<typeof input>, width: number) =>
          applyOp(slice, [x], { start: [0, 0, 8], size: [...x.shape.slice(0, 2), width] })[0];
        const [a, b] = [swap([2, 24, 40], form.transposeA), swap([2, 40, 16], form.transposeB)];
        const [x, w] = [input("a", [...a.slice(0, 2), a[2] + 16]), input("b", [...b.slice(0, 2), b[2] + 16])];
        return { y: applyOp(matmul, [cut(x, a[2]), cut(w, b[2])], form)[0] };
      });
      const given = Object.fromEntries([...graph.inputs].map(([name, t]) => [name, values(t.shape, name)]));
      const { y } = evaluate64(graph, given, () => assert.unreachable() as never);
      const program = compile(graph, on);
      const got = await program.run(
        Object.fromEntries(Object.entries(given).map(([name, { data }]) => [name, Float32Array.from(data)])),
      );
      assert.equal([...got.y], [...y.data], JSON.stringify(form));
      program.dispose();
    }
    on.dispose();
  });
}

test("the bits are equal for every number of threads", async () => {
  for (const form of forms) {
    const [a, b] = [makeInput({ shape: [700, 700] }, "threads/a"), makeInput({ shape: [700, 700] }, "threads/b")];
    const results = [];
    for (const threads of [1, 2, 5]) {
      ops.configure({ device: "cpu", threads });
      results.push(await ops.matmul(a as ops.NDArray, b as ops.NDArray, form));
    }
    for (const { data } of results.slice(1))
      assert.equal(Buffer.from(data.buffer), Buffer.from(results[0].data.buffer));
  }
});

for (const form of forms) {
  for (const dtype of ["f32", "bf16"] as const) {
    test(`CUDA accesses are efficient, ${dtype} ${JSON.stringify(form)}`, async () => {
      ops.configure({ device: "cuda-emulated" });
      // whole tiles, in a number that selects the large tile
      const [a, b] = [swap([32, 256, 64], form.transposeA), swap([32, 64, 256], form.transposeB)];
      const inputs = [a, b].map((shape) => makeInput({ shape, dtype, integer: 3 }, `clean/${elements(shape)}`));
      emulator!.counters();
      await ops.runOp(matmul, inputs, form);
      const { globalAccesses, bankConflicts, excessSectors } = emulator!.counters();
      assert.ok(globalAccesses > 0);
      assert.equal([bankConflicts, excessSectors], [0, 0]);
    });
  }
}

test("operands that do not fit are refused", async () => {
  const zeros = (...shape: number[]) => ({ shape, data: new Float32Array(elements(shape)) });
  assert.throws(
    () => trace(() => ({ y: applyOp(matmul, [input("a", [4]), input("b", [4, 4])], forms[0])[0] })),
    /a: expected .* \[\.\.\., M, K\]/,
  );
  for (const b of [zeros(5, 3), zeros(3, 4, 2), zeros(4)]) {
    await ops.matmul(zeros(2, 3, 4), b).then(
      () => assert.unreachable(),
      (error) => {
        assert.is(error.code, "ERR_SHAPE");
        assert.match(error.message, /matmul: b: expected/);
      },
    );
  }
});

test.after(() => ops.dispose());
test.run();
