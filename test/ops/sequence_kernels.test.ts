// Tests of the CUDA kernels of layer norm, attention and contrastive loss beyond their shape tables: padding,
// NaN, slices, batches, and bank conflicts. They run on the emulator, or on a GPU with VIDEOCLIP_DEVICE=cuda.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadAddon } from "#lib/runtime/binding.js";
import { createDevice, type DeviceName, type Precision } from "#lib/runtime/device.js";
import * as definitions from "#lib/ops/index.js";
import { compile } from "#lib/runtime/compile.js";
import { type DType, elements, type OpDefinition, type Tensor } from "#lib/graph/tensor.js";
import { applyOp, input, trace } from "#lib/graph/trace.js";
import * as nn from "#lib/nn/layers.js";
import { hashValues } from "#lib/nn/random_weights.js";
import * as ops from "#lib/ops.js";
import { type CaseValue, makeInput, roundTo } from "./case_input.js";
import { bytesOf } from "../support/numbers.js";

const test = suite("sequence kernels");
const name = (process.env.VIDEOCLIP_DEVICE ?? "cuda-emulated") as DeviceName;
const { emulator } = loadAddon().addon;
const floats = ["f32", "bf16", "f16"] as const;

const array = (label: string, shape: number[], dtype: DType = "f32") => makeInput({ shape, dtype }, label);
const bytes = (data: ArrayBufferView) => bytesOf(data).toString("hex");
const same = (a: ArrayBufferView, b: ArrayBufferView, message?: string) => assert.is(bytes(a), bytes(b), message);

async function run<A>(op: OpDefinition<A>, inputs: (CaseValue | null)[], attrs: A) {
  return ops.runOp<A, ops.NDArray<Float32Array | Uint16Array | Int32Array>[]>(op, inputs, attrs);
}

/** Copies rows of `[N, S, C]` to the start of `[N, wide, C]` and fills the rest. */
function padded(x: CaseValue, wide: number, fill: number): CaseValue {
  const [N, S, C] = x.shape;
  const data = new (x.data.constructor as Float32ArrayConstructor)(N * wide * C);
  data.fill(x.dtype === "f32" ? fill : roundTo.encode(fill, x.dtype));
  for (let n = 0; n < N; n++) data.set(x.data.subarray(n * S * C, (n + 1) * S * C), n * wide * C);
  return { ...x, shape: [N, wide, C], data };
}

for (const dtype of floats) {
  test(`attention ${dtype}: masked keys change nothing, whatever their values`, async () => {
    const [N, S] = [2, 37];
    for (const [heads, size] of [
      [1, 32],
      [2, 20],
    ]) {
      const [q, k, v] = ["q", "k", "v"].map((label) => array(label, [N, S, heads * size], dtype));
      const attrs = { heads, scale: 0.3, causal: false };
      const [plain] = await run(definitions.attention, [q, k, v, null], attrs);
      for (const wide of [38, 64, 200]) {
        const seen = Uint8Array.from({ length: N * wide }, (_, i) => Number(i % wide < S));
        const mask: CaseValue = { shape: [N, wide], dtype: "u8", data: seen, values: Float64Array.from(seen) };
        const inputs = [q, padded(k, wide, Number.NaN), padded(v, wide, Infinity), mask];
        const [got] = await run(definitions.attention, inputs, attrs);
        same(got.data, plain.data, `heads of ${size} padded to ${wide}`);
      }
    }
  });

  test(`attention ${dtype}: a row does not depend on the number of queries`, async () => {
    const [heads, S, C] = [2, 150, 128];
    const [q, k, v] = ["q", "k", "v"].map((label) => array(label, [1, S, C], dtype));
    const attrs = { heads, scale: 0.2, causal: true };
    const [all] = await run(definitions.attention, [q, k, v, null], attrs);
    for (const few of [1, 40, 70]) {
      const last = { ...q, shape: [1, few, C], data: q.data.slice((S - few) * C) };
      const [got] = await run(definitions.attention, [last, k, v, null], attrs);
      same(got.data, all.data.slice((S - few) * C), `the last ${few}`);
    }
  });

  test(`attention and layer_norm ${dtype} read and write slices of wider tensors`, async () => {
    for (const C of [32, 26]) {
      const [N, S, heads] = [2, 19, 2];
      const attrs = { heads, scale: 0.3, causal: false };
      const graph = (isSliced: boolean) =>
        trace((): Record<string, Tensor> => {
          const [q, k, v] = ["q", "k", "v"].map((label) => nn.unary(input(label, [N, S, C]), "relu"));
          const [y] = applyOp(definitions.attention, [q, k, v, null], attrs);
          const [z] = applyOp(definitions.layerNorm, [y, null, null, q], { eps: 1e-5 });
          return (isSliced ? { merged: nn.concat([q, k, y, v, z], 2) } : { y, z }) as Record<string, typeof y>;
        });
      const device = createDevice({ device: name, precision: dtype as Precision });
      const values = Object.fromEntries(
        ["q", "k", "v"].map((label) => [label, hashValues("", label, elements([N, S, C]))]),
      );
      const sliced = compile(graph(true), device);
      assert.not.ok(sliced.instructions.some(({ op }) => op === "concat"));
      const { merged } = await sliced.run<{ merged: Float32Array }>(values);
      const { y, z } = await compile(graph(false), device).run<{ y: Float32Array; z: Float32Array }>(values);
      for (let row = 0; row < N * S; row++) {
        const at = (slot: number) => merged.subarray((row * 5 + slot) * C, (row * 5 + slot + 1) * C);
        same(at(2), y.subarray(row * C, (row + 1) * C), `attention of ${C} channels`);
        same(at(4), z.subarray(row * C, (row + 1) * C), `layer_norm of ${C} channels`);
      }
      device.dispose();
    }
  });

  test(`attention_grad ${dtype} reads and writes slices of wider tensors`, async () => {
    const devices: DeviceName[] = dtype === "f32" && name !== "cpu" ? [name, "cpu"] : [name];
    for (const [C, on] of [32, 26].flatMap((channels) => devices.map((one) => [channels, one] as const))) {
      const [N, S, heads] = [2, 19, 2];
      const attrs = { heads, scale: 0.3, causal: false };
      const graph = (isSliced: boolean) =>
        trace((): Record<string, Tensor> => {
          const all = nn.unary(input("all", [N, S, 4 * C]), "relu");
          const part = (slot: number) => nn.slice(all, [0, 0, slot * C], [N, S, C]);
          const [q, k, v, dy] = [0, 1, 2, 3].map((slot) => (isSliced ? part(slot) : nn.unary(part(slot), "relu")));
          const [dq, dk, dv] = applyOp(definitions.attentionGrad, [q, k, v, null, dy], attrs);
          return (isSliced ? { merged: nn.concat([dq, dk, dv], 2) } : { dq, dk, dv }) as Record<string, Tensor>;
        });
      const device = createDevice({ device: on, precision: dtype as Precision });
      const values = { all: hashValues("", "all", elements([N, S, 4 * C])) };
      const sliced = compile(graph(true), device);
      const copies = sliced.instructions.filter(({ op }) => op === "slice" || op === "concat");
      assert.equal(copies, []);
      const { merged } = await sliced.run<{ merged: Float32Array }>(values);
      const parts = Object.values(await compile(graph(false), device).run<Record<string, Float32Array>>(values));
      for (let row = 0; row < N * S; row++) {
        parts.forEach((one, slot) => {
          const at = (row * 3 + slot) * C;
          same(merged.subarray(at, at + C), one.subarray(row * C, (row + 1) * C), `part ${slot} of ${C} channels`);
        });
      }
      device.dispose();
    }
  });

  test(`contrastive_loss ${dtype}: NaN is propagated`, async () => {
    const [a, b] = ["a", "b"].map((label) => array(label, [70, 16], dtype));
    a.data[5] = dtype === "f32" ? Number.NaN : roundTo.encode(Number.NaN, dtype);
    const got = await run(definitions.contrastiveLoss, [a, b, null], { scale: 3, reduction: "sum" });
    assert.ok(got[0].data.every(Number.isNaN) && Number.isNaN(got[1].data[0]) && got[2].data.every(Number.isNaN));
    assert.ok(got[1].data.subarray(1).every(Number.isFinite));
  });
}

if (name !== "cuda-emulated") {
  process.stdout.write("SKIP bank conflicts: only the emulator counts them\n");
} else {
  const attention = (N: number, Sq: number, Sk: number, C: number, dtype: DType) =>
    [array("q", [N, Sq, C], dtype), array("k", [N, Sk, C], dtype), array("v", [N, Sk, C], dtype)] as CaseValue[];
  const count = async <A>(label: string, op: OpDefinition<A>, inputs: (CaseValue | null)[], attrs: A) => {
    emulator!.counters();
    await run(op, inputs, attrs);
    const counted = emulator!.counters();
    assert.is(counted.bankConflicts, 0, `${label}: ${JSON.stringify(counted)}`);
    assert.ok(counted.globalAccesses > 0, label);
    return counted;
  };

  test("attention: no bank conflicts, only whole sectors", async () => {
    for (const size of [16, 32, 64, 128]) {
      for (const S of [64, 128]) {
        const attrs = { heads: 1, scale: 0.2, causal: false };
        const counted = await count(`heads of ${size}`, definitions.attention, attention(1, S, S, size, "bf16"), attrs);
        assert.is(counted.mma, (S / 16) * (S / 8) * (size / 16) * 2);
        assert.is(counted.excessSectors, 0, `heads of ${size}`);
      }
      const plain = await count(`f32 ${size}`, definitions.attention, attention(1, 33, 40, size, "f32"), {
        heads: 1,
        scale: 0.2,
        causal: false,
      });
      assert.is(plain.excessSectors, 0, `f32 ${size}`);
    }
    for (const dtype of floats) {
      await count(`narrow ${dtype}`, definitions.attention, attention(1, 9, 70, 37, dtype), {
        heads: 1,
        scale: 0.2,
        causal: true,
      });
    }
  });

  test("attention_grad on tensor cores: no bank conflicts", async () => {
    for (const size of [32, 64, 128]) {
      const [S, label] = [128, `heads of ${size}`];
      const [q, k, v] = attention(1, S, S, size, "bf16");
      const inputs = [q, k, v, null, array("dy", [1, S, size], "bf16")];
      const counted = await count(label, definitions.attentionGrad, inputs, { heads: 1, scale: 0.2, causal: false });
      assert.is(counted.mma, (S / 16) * (S / 8) * (size / 16) * 9);
      // three numbers per query, from one lane in four
      assert.ok(counted.excessSectors <= (S / 8) * 3, `${label}: ${counted.excessSectors}`);
    }
  });

  test("layer_norm, contrastive_loss and top_k: no bank conflicts", async () => {
    for (const dtype of floats) {
      // only whole sectors of x and y: weights are f32, so that with 16-bit x a lane reads 32 bytes of them in two
      // halves
      for (const C of [768, 1536]) {
        const norm = await count("layer_norm", definitions.layerNorm, [array("x", [3, C], dtype)], { eps: 1e-5 });
        assert.is(norm.excessSectors, 0, dtype);
      }
      const [a, b] = ["a", "b"].map((label) => array(label, [150, 72], dtype));
      const group = makeInput({ shape: [150], dtype: "i32", integer: 40 }, "group");
      const loss = await count(`contrastive_loss ${dtype}`, definitions.contrastiveLoss, [a, b, group], {
        scale: 2,
        reduction: "sum",
      });
      assert.is(loss.mma > 0, dtype !== "f32");
      const pairs = ["a", "b"].map((label) => array(label, [256, 256], dtype));
      for (const groups of [null, makeInput({ shape: [256], dtype: "i32", integer: 90 }, "groups")]) {
        const attrs = { scale: 2, reduction: "sum" };
        const { excessSectors, globalAccesses } = await count(
          `contrastive_loss of whole tiles, ${dtype}`,
          definitions.contrastiveLoss,
          [...pairs, groups],
          attrs,
        );
        assert.ok(excessSectors <= 0.05 * globalAccesses, `${excessSectors} of ${globalAccesses}`);
      }
      await count(`top_k ${dtype}`, definitions.topK, [a, b], { k: 9, base: 0 });
      const search = await count(`top_k of whole tiles, ${dtype}`, definitions.topK, pairs, { k: 9, base: 0 });
      assert.is(search.mma, dtype === "f32" ? 0 : (256 / 16) * (256 / 8) * (256 / 16));
      assert.ok(search.excessSectors <= 0.05 * search.globalAccesses, `${dtype}: ${JSON.stringify(search)}`);
    }
  });
}

test.before(() => ops.configure({ device: name }));
test.after(() => ops.dispose());
test.run();
