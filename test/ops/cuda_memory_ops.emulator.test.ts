// Tests of memory-bound CUDA kernels beyond their shape tables, on the emulator: operands that are channel slices, NaN,
// empty operands, and accesses without bank conflicts or unused bytes.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadAddon } from "#lib/runtime/binding.js";
import { createDevice } from "#lib/runtime/device.js";
import { evaluate64 } from "#lib/graph/evaluate64.js";
import * as definitions from "#lib/ops/index.js";
import { compile } from "#lib/runtime/compile.js";
import { type DType, type OpDefinition, type Tensor } from "#lib/graph/tensor.js";
import { applyOp, input, trace } from "#lib/graph/trace.js";
import * as ops from "#lib/ops.js";
import { type CaseValue, makeInput, roundTo } from "./case_input.js";
import { relativeL2 } from "../support/numbers.js";

const test = suite("CUDA memory-bound ops");
const { emulator } = loadAddon().addon;
const device = createDevice({ device: "cuda-emulated" });

const pool = { stride: [1, 1, 1], low: [1, 1, 1], high: [1, 1, 1], ceil: false } as const;
const kernel = [3, 3, 3] as const;

/** Runs every op on the three slices of a concat buffer, as their producer and as their reader. */
function onSlices(channels: readonly number[], dtype: DType) {
  const apply = <A>(op: OpDefinition<A>, inputs: (Tensor | null)[], attrs: A) => applyOp(op, inputs, attrs)[0];
  return trace(() => {
    const x = channels.map((c, i) => input(`x${i}`, [2, 4, 6, 5, c], dtype));
    const gate = input("gate", [2, channels[1]], dtype);
    const vectors = [0, 1, 2, 3].map((i) => input(`vector${i}`, [channels[2]], "f32"));
    const slices = [
      apply(definitions.maxPool3d, [x[0]], { ...pool, kernel, padding: "zero" }),
      apply(definitions.scaleChannels, [x[1], gate], {}),
      apply(definitions.batchNorm, [x[2], ...vectors], { eps: 1e-3, relu: true }),
    ];
    const outputs: Record<string, Tensor> = { all: apply(definitions.concat, slices, { axis: 4 }) };
    for (const [i, s] of slices.entries()) {
      Object.assign(outputs, {
        [`unary${i}`]: apply(definitions.unary, [s], { kind: "swish" }),
        [`global_mean${i}`]: apply(definitions.globalMean, [s], {}),
        [`sliding_max${i}`]: apply(definitions.maxPool3d, [s], { ...pool, kernel, padding: "-inf" }),
        [`max${i}`]: apply(definitions.maxPool3d, [s], { ...pool, kernel, stride: [2, 2, 2], padding: "-inf" }),
        [`mean${i}`]: apply(definitions.avgPool3d, [s], { ...pool, kernel, countIncludePad: false }),
        [`wide_mean${i}`]: apply(definitions.avgPool3d, [s], { ...pool, kernel: [4, 5, 5], countIncludePad: true }),
        [`softmax${i}`]: apply(definitions.softmax, [s], { log: false }),
        [`reduce_max${i}`]: apply(definitions.reduceMax, [s], {}),
        [`permute${i}`]: apply(definitions.permute, [s], { order: [0, 4, 1, 2, 3] }),
        [`cast${i}`]: apply(definitions.cast, [s], { to: dtype === "bf16" ? "f32" : dtype }),
        [`slice${i}`]: apply(definitions.slice, [s], { start: [0, 1, 0, 2, 0], size: [2, 2, 6, 3, 2] }),
        [`binary${i}`]: apply(definitions.binary, [s, s], { kind: "mul" }),
      });
    }
    return outputs;
  });
}

const LIMITS: Partial<Record<DType, number>> = { f32: 1e-5, bf16: 8e-3, f16: 1e-3 };

for (const dtype of ["f32", "bf16", "f16"] as const) {
  for (const channels of [
    [3, 5, 8],
    [2, 4, 6],
    [4, 12, 20],
    [8, 16, 24],
  ]) {
    test(`slices of ${channels.join(", ")} channels are read and written, ${dtype}`, async () => {
      const graph = onSlices(channels, dtype);
      const inputs = new Map<string, CaseValue>();
      for (const [name, t] of graph.inputs) {
        const shift = name === "vector3" ? 1.5 : 0; // a variance
        inputs.set(name, makeInput({ shape: t.shape, dtype: t.dtype, shift }, `slices/${name}`));
      }
      const given = Object.fromEntries([...inputs].map(([name, { data }]) => [name, data]));
      const exact = Object.fromEntries([...inputs].map(([name, x]) => [name, { shape: x.shape, data: x.values }]));
      const expected = evaluate64(graph, exact, () => assert.unreachable() as never);
      const types = new Map([...graph.outputs].map(([name, t]) => [name, t.dtype]));
      const program = compile(graph, device);
      for (const order of [0, -1, 7]) {
        emulator!.setOrder(order);
        const got = await program.run<Record<string, Float32Array | Uint16Array>>(given);
        for (const [name, { data }] of Object.entries(expected)) {
          const values = roundTo.decode(got[name], types.get(name)!);
          const error = relativeL2(values, data);
          assert.ok(error <= LIMITS[dtype]!, `${name}: relative L2 ${error}`);
        }
      }
      emulator!.setOrder(0);
      program.dispose();
    });
  }
}

test("a maximum with NaN is NaN", async () => {
  const shape = [1, 4, 4, 4, 8];
  const data = new Float32Array(512).fill(1);
  data[3] = Number.NaN; // channel 3 of the first position
  const x = { shape, data };
  const two = { shape, data: data.map(() => 2) };
  const attrs = { ...pool, low: [0, 0, 0], high: [0, 0, 0], kernel, padding: "-inf" } as const;
  for (const stride of [1, 2]) {
    const [y] = await ops.runOp(definitions.maxPool3d, [x], { ...attrs, stride: [stride, stride, stride] });
    y.data.forEach((v, i) => {
      assert.is(Number.isNaN(v), i === 3, `stride ${stride}, ${i}`);
    });
  }
  for (const pair of [
    [x, two],
    [two, x],
  ]) {
    const [y] = await ops.runOp(definitions.binary, pair, { kind: "max" });
    assert.equal([y.data[2], y.data[3], y.data[4]], [2, Number.NaN, 2]);
  }
  const [y] = await ops.runOp(definitions.reduceMax, [x], {});
  assert.equal([y.data[2], y.data[3], y.data[4]], [1, Number.NaN, 1]);
});

test("an id outside the table gives a row of NaN", async () => {
  const ids = { shape: [4], data: Int32Array.from([1, 2, -1, 0]) };
  const table = { shape: [2, 3], data: Float32Array.from([1, 2, 3, 4, 5, 6]) };
  const [y] = await ops.runOp(definitions.embedding, [ids, table], {});
  const row = [Number.NaN, Number.NaN, Number.NaN];
  assert.equal([...y.data], [4, 5, 6, ...row, ...row, 1, 2, 3]);
});

test("bytes and integers are moved unchanged", async () => {
  const x = { shape: [40, 33], data: Uint8Array.from({ length: 1320 }, (_, i) => i) };
  const [y] = await ops.runOp<{ order: readonly number[] }, ops.NDArray<Uint8Array>[]>(definitions.permute, [x], {
    order: [1, 0],
  });
  assert.equal(
    [...y.data],
    Array.from({ length: 1320 }, (_, i) => x.data[(i % 40) * 33 + Math.floor(i / 40)]),
  );
  const integers = { shape: [3, 4], data: Int32Array.from({ length: 12 }, (_, i) => -i) };
  const attrs = { start: [1, 1], size: [2, 3] };
  const [z] = await ops.runOp<definitions.SliceAttrs, ops.NDArray<Int32Array>[]>(definitions.slice, [integers], attrs);
  assert.equal([...z.data], [-5, -6, -7, -9, -10, -11]);
});

test("empty operands give empty results", async () => {
  const none = { shape: [0, 5], data: new Float32Array(0) };
  for (const run of [
    () => ops.unary(none, "relu"),
    () => ops.binary(none, { shape: [5], data: new Float32Array(5) }, "add"),
    () => ops.softmax(none),
    () => ops.permute(none, [1, 0]),
    () => ops.concat([none, none], 0),
  ]) {
    assert.is((await run()).data.length, 0);
  }
});

/** Cases without bank conflicts in which every touched sector is used entirely. */
const CLEAN: [string, OpDefinition<never>, number[][], object][] = [
  ["unary", definitions.unary as never, [[64, 480]], { kind: "relu" }],
  ["binary", definitions.binary as never, [[64, 480], [480]], { kind: "add" }],
  [
    "scale_channels",
    definitions.scaleChannels as never,
    [
      [2, 98, 480],
      [2, 480],
    ],
    {},
  ],
  ["global_mean", definitions.globalMean as never, [[2, 196, 480]], {}],
  ["global_mean", definitions.globalMean as never, [[2, 196, 64]], {}],
  ["reduce_max", definitions.reduceMax as never, [[8, 16, 512]], {}],
  ["softmax", definitions.softmax as never, [[64, 512]], { log: false }],
  ["softmax", definitions.softmax as never, [[8, 4096]], { log: false }],
  ["permute", definitions.permute as never, [[1, 3, 4, 32, 32]], { order: [0, 2, 3, 4, 1] }],
  ["permute", definitions.permute as never, [[1, 4, 32, 32, 3]], { order: [0, 4, 1, 2, 3] }],
  ["permute", definitions.permute as never, [[128, 96]], { order: [1, 0] }],
  ["max_pool3d", definitions.maxPool3d as never, [[1, 4, 14, 14, 64]], { ...pool, kernel, padding: "-inf" }],
  [
    "avg_pool3d",
    definitions.avgPool3d as never,
    [[2, 6, 8, 8, 432]],
    { ...pool, kernel: [4, 7, 7], countIncludePad: true },
  ],
];

for (const [name, op, shapes, attrs] of CLEAN) {
  for (const dtype of ["f32", "bf16"] as const) {
    test(`${name} ${dtype} [${shapes[0].join(", ")}] has efficient accesses`, async () => {
      const inputs = shapes.map((shape, slot) => makeInput({ shape, dtype, shift: 2 }, `clean/${slot}`));
      emulator!.counters();
      await ops.runOp(op, inputs, attrs as never);
      const { globalAccesses, bankConflicts, excessSectors } = emulator!.counters();
      assert.ok(globalAccesses > 0);
      assert.equal([bankConflicts, excessSectors], [0, 0]);
    });
  }
}

for (const dtype of ["f32", "bf16"] as const) {
  test(`gates_of_sums ${dtype} with the shapes of a block of S3D-G has efficient accesses`, async () => {
    const gates = [
      ...[[2, 25, 288], [112, 112], [112], [2, 25, 288], [288, 288], [288]],
      ...[[2, 25, 64], [64, 64], [64], [2, 25, 64], [64, 64], [64]],
    ];
    const inputs = gates.map((shape, slot) =>
      makeInput({ shape, dtype: slot % 3 === 1 ? dtype : "f32", shift: 2 }, `gates/${slot}`),
    );
    emulator!.counters();
    const attrs = { first: [0, 0, 0, 0], positions: 1568, activation: "sigmoid" };
    await ops.runOp(definitions.gatesOfSums as never, inputs, attrs as never);
    const { launches, globalAccesses, bankConflicts, excessSectors } = emulator!.counters();
    assert.ok(launches > 0 && globalAccesses > 0);
    assert.equal([bankConflicts, excessSectors], [0, 0]);
  });
}

test.before(() => ops.configure({ device: "cuda-emulated" }));
test.after(() => {
  ops.dispose();
  device.dispose();
});
test.run();
