// The kernels for Hopper GPUs, on the emulator: they run where their operands allow it, with tensor copies and wgmma
// alone, and give the bits of the kernels for other GPUs, because the emulator adds the values of K in their order in both.
// Only the sums of conv3d_sums differ, because a block has more threads to add them.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadAddon } from "#lib/runtime/binding.js";
import { attention, conv3d, conv3dAttrs, type Conv3dAttrs, conv3dSums, linear, matmul } from "#lib/ops/index.js";
import type { OpDefinition } from "#lib/graph/tensor.js";
import * as ops from "#lib/ops.js";
import { type CaseValue, makeInput } from "./case_input.js";
import { bytesOf, relativeL2 } from "../support/numbers.js";
import type { Result } from "./compare.js";

const test = suite("Hopper kernels");
const emulator = loadAddon().addon.emulator!;

type Kind = "bf16" | "f16" | "f32" | "u8";
const values = (shape: number[], dtype: Kind, name: string): CaseValue =>
  makeInput({ shape, dtype, ...(dtype === "u8" ? { integer: 2 } : {}) } as never, name);

async function run<A>(op: OpDefinition<A>, inputs: (CaseValue | null)[], attrs: A, hopper: boolean) {
  emulator.setHopper(hopper);
  ops.configure({ device: "cuda-emulated" });
  emulator.counters();
  const results = await ops.runOp<A, Result[]>(op, inputs, attrs);
  const sums = op === (conv3dSums as OpDefinition<unknown>) ? (results.pop()!.data as Float32Array) : undefined;
  return { bits: results.map(({ data }) => bytesOf(data)), sums, counters: emulator.counters() };
}

/** Compares both generations. `uses`: whether the kernel of Hopper GPUs supports the operands. */
async function compare<A>(op: OpDefinition<A>, inputs: (CaseValue | null)[], attrs: A, uses = true): Promise<void> {
  const before = await run(op, inputs, attrs, false);
  assert.ok(before.counters.mma > 0 && before.counters.wgmma === 0, "the other GPUs use mma");
  for (const order of [0, -1, 11]) {
    emulator.setOrder(order);
    const { bits, sums, counters } = await run(op, inputs, attrs, true);
    emulator.setOrder(0);
    assert.is(counters.wgmma > 0 && counters.tensorCopies > 0, uses, "wgmma");
    assert.is(counters.mma > 0, !uses, "mma");
    bits.forEach((data, i) => assert.is(Buffer.compare(data, before.bits[i]), 0, `result ${i}, order ${order}`));
    if (sums) assert.ok(relativeL2(sums, before.sums!) < 1e-6, `the sums, order ${order}`);
  }
}

const dtypes = ["bf16", "f16"] as const;

interface Layer {
  x: number[];
  weight: number[];
  attrs?: Partial<Conv3dAttrs>;
  residual?: boolean;
  scale?: boolean;
  uses?: boolean;
}
const LAYERS: Record<string, Layer> = {
  "pointwise, a ragged tail of channels": { x: [2, 2, 9, 9, 72], weight: [40, 72, 1, 1, 1] },
  "pointwise, more tiles than blocks": { x: [1, 8, 14, 14, 24], weight: [200, 24, 1, 1, 1] },
  "pointwise of scaled inputs": { x: [3, 2, 10, 10, 136], weight: [96, 136, 1, 1, 1], scale: true },
  "1x3x3": { x: [2, 3, 17, 19, 40], weight: [128, 40, 1, 3, 3], attrs: { low: [0, 1, 1], high: [0, 1, 1] } },
  "1x3x3 of few positions": {
    x: [3, 2, 7, 7, 96],
    weight: [48, 96, 1, 3, 3],
    attrs: { low: [0, 1, 1], high: [0, 1, 1] },
  },
  "3x1x1 with a residual": {
    x: [2, 5, 9, 20, 64],
    weight: [64, 64, 3, 1, 1],
    attrs: { low: [1, 0, 0], high: [1, 0, 0], activation: "relu" },
    residual: true,
  },
  "3x3x3 with strides and uneven padding": {
    x: [2, 7, 21, 18, 16],
    weight: [32, 16, 3, 3, 3],
    attrs: { stride: [1, 2, 3], low: [0, 2, 1], high: [2, 0, 1] },
  },
  "1x7x7 without padding": { x: [1, 2, 20, 23, 8], weight: [24, 8, 1, 7, 7], attrs: { stride: [1, 2, 2] } },
  "two outputs": { x: [2, 2, 12, 12, 64], weight: [112, 64, 1, 1, 1], attrs: { split: [80, 32] } },
  "groups, which it does not support": {
    x: [1, 2, 6, 6, 32],
    weight: [32, 16, 1, 3, 3],
    attrs: { groups: 2, low: [0, 1, 1], high: [0, 1, 1] },
    uses: false,
  },
  "a step of 9, which it does not support": {
    x: [1, 1, 28, 28, 16],
    weight: [32, 16, 1, 3, 3],
    attrs: { stride: [1, 9, 9] },
    uses: false,
  },
};

for (const dtype of dtypes) {
  for (const [name, layer] of Object.entries(LAYERS)) {
    for (const op of [conv3d, conv3dSums]) {
      if (op === conv3dSums && layer.attrs?.groups) continue;
      test(`${op.name} ${dtype}, ${name}`, async () => {
        const { x, weight } = layer;
        const attrs = conv3dAttrs({
          outChannels: weight[0],
          kernel: weight.slice(2) as [number, number, number],
          ...layer.attrs,
        });
        const inputs = [
          values(x, dtype, "x"),
          values(weight, dtype, "weight"),
          values([weight[0]], "f32", "bias"),
          layer.residual ? values([...x.slice(0, 4), weight[0]], dtype, "residual") : null,
          layer.scale ? values([x[0], x[4]], dtype, "scale") : null,
        ];
        await compare(op, inputs, attrs, layer.uses ?? true);
      });
    }
  }
  test(`linear ${dtype}`, async () => {
    const inputs = [
      values([3, 50, 136], dtype, "x"),
      values([200, 136], dtype, "w"),
      values([200], "f32", "b"),
      null,
      null,
    ];
    await compare(linear, inputs, { outFeatures: 200, activation: "gelu" });
  });
  for (const [transposeA, transposeB] of [
    [false, false],
    [false, true],
    [true, false],
    [true, true],
  ]) {
    for (const [batch, M, N, K] of [
      [1, 40, 72, 104],
      [3, 136, 264, 72],
      [1, 128, 192, 3000],
    ]) {
      test(`matmul ${dtype}, ${batch} x ${M} x ${N} x ${K}, ${transposeA ? "a" : "-"}${transposeB ? "b" : "-"}`, async () => {
        const a = values(transposeA ? [batch, K, M] : [batch, M, K], dtype, "a");
        const b = values(transposeB ? [batch, N, K] : [batch, K, N], dtype, "b");
        await compare(matmul, [a, b], { transposeA, transposeB });
      });
    }
  }
  for (const [size, heads, queries, keys] of [
    [16, 3, 20, 70],
    [32, 2, 130, 200],
    [64, 2, 61, 61],
    [64, 1, 200, 300],
    [72, 2, 70, 40],
    [128, 1, 140, 129],
  ]) {
    for (const [causal, masked, scale] of [
      [false, false, 0.2],
      [true, false, 0.2],
      [false, true, -0.1],
    ] as const) {
      const kind = `${causal ? ", causal" : ""}${masked ? ", masked" : ""}`;
      const suffix = size > 32 ? "" : ", which it does not support";
      test(`attention ${dtype}, ${heads} x ${size}, ${queries} x ${keys}${kind}${suffix}`, async () => {
        const rows = (n: number, name: string) => values([2, n, heads * size], dtype, name);
        const mask = masked ? values([2, keys], "u8", "mask") : null;
        // A key that is left out may hold anything.
        const [k, v] = [rows(keys, "k"), rows(keys, "v")];
        mask?.data.forEach((valid, row) => {
          if (valid) return;
          for (const { data } of [k, v])
            data.fill(0x7fff - (dtype === "f16" ? 0x0100 : 0), row * heads * size, (row + 1) * heads * size);
        });
        await compare(attention, [rows(queries, "q"), k, v, mask], { heads, scale, causal }, size > 32);
      });
    }
  }
}

test("VIDEOCLIP_HOPPER=0 takes the kernels for all GPUs", async () => {
  process.env.VIDEOCLIP_HOPPER = "0";
  try {
    const inputs = [values([40, 64], "bf16", "x"), values([32, 64], "bf16", "w"), null, null, null];
    const { counters } = await run(linear, inputs, { outFeatures: 32, activation: "none" }, true);
    assert.ok(counters.mma > 0 && counters.wgmma === 0);
  } finally {
    delete process.env.VIDEOCLIP_HOPPER;
  }
});

test.after(() => {
  emulator.setHopper(false);
  ops.dispose();
});
test.run();
