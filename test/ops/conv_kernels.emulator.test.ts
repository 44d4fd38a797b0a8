// Memory accesses of the CUDA kernels of convolutions and linear layers, counted by the emulator: bank conflicts of
// shared memory, and sectors of device memory beyond those that are necessary.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadAddon } from "#lib/runtime/binding.js";
import { createDevice, type Precision } from "#lib/runtime/device.js";
import { type Conv3dAttrs, conv3d, conv3dAttrs, conv3dSums, linear } from "#lib/ops/index.js";
import { compile } from "#lib/runtime/compile.js";
import { elements, type OpDefinition } from "#lib/graph/tensor.js";
import { applyOp, input, parameter, trace } from "#lib/graph/trace.js";
import { hashValues } from "#lib/nn/random_weights.js";
import * as ops from "#lib/ops.js";

const test = suite("convolution kernels");
const { emulator } = loadAddon().addon;

/** Counters of one run after the weights are in place. */
async function counted<A>(
  op: OpDefinition<A>,
  x: number[],
  weight: number[],
  attrs: A,
  precision: Precision,
  hopper = false,
) {
  emulator!.setHopper(hopper);
  const device = createDevice({ device: "cuda-emulated", precision });
  device.parameters.set("weight", weight, hashValues("", "weight", elements(weight)));
  device.parameters.set("bias", [weight[0]], hashValues("", "bias", weight[0]));
  const graph = trace(() => {
    const inputs = [input("x", x), parameter("weight", weight), parameter("bias", [weight[0]])];
    return Object.fromEntries(applyOp(op, inputs, attrs).map((y, i) => [`y${i}`, y]));
  });
  const program = compile(graph, device);
  const given = { x: hashValues("", "x", elements(x)) };
  await program.run(given);
  emulator!.counters();
  await program.run(given);
  const { bankConflicts, excessSectors, globalAccesses, sharedAccesses, wgmma } = emulator!.counters();
  device.dispose();
  emulator!.setHopper(false);
  assert.is(wgmma > 0, hopper);
  assert.ok(globalAccesses > 0);
  return { bankConflicts, excessSectors, globalAccesses, sharedAccesses };
}

/** Values 1 and -1 of f16. */
const halves = (count: number) => Uint16Array.from({ length: count }, (_, i) => ((i * 7) % 3 ? 0x3c00 : 0xbc00));

const conv = (weight: number[], attrs: Partial<Conv3dAttrs> = {}) =>
  conv3dAttrs({ outChannels: weight[0], kernel: weight.slice(2) as [number, number, number], ...attrs });

/** A layer of each kind, [x, weight, attributes], whose kernels access whole sectors without bank conflicts. */
const WHOLE: Record<string, [number[], number[], Partial<Conv3dAttrs>]> = {
  pointwise: [[2, 2, 16, 16, 64], [96, 64, 1, 1, 1], {}],
  "1x3x3": [[1, 2, 16, 16, 64], [64, 64, 1, 3, 3], { low: [0, 1, 1] }],
  "3x1x1": [[1, 4, 16, 16, 64], [128, 64, 3, 1, 1], { low: [1, 0, 0] }],
  "3x1x1 of few positions": [[1, 4, 8, 8, 64], [64, 64, 3, 1, 1], { low: [1, 0, 0] }],
};
for (const [name, [x, weight, attrs]] of Object.entries(WHOLE)) {
  for (const op of [conv3d, conv3dSums]) {
    test(`${op.name} on a Hopper GPU, ${name}: accesses are efficient`, async () => {
      const got = await counted(op, x, weight, conv(weight, attrs), "bf16", true);
      assert.equal([got.bankConflicts, got.excessSectors], [0, 0]);
    });
  }
}
test("linear on a Hopper GPU: accesses are efficient", async () => {
  const attrs = { outFeatures: 96, activation: "gelu" as const };
  const got = await counted(linear, [1, 130, 128], [96, 128], attrs, "bf16", true);
  assert.equal([got.bankConflicts, got.excessSectors], [0, 0]);
});

for (const precision of ["f32", "bf16"] as const) {
  for (const width of [128, 96, 64, 32]) {
    for (const op of [conv3d, conv3dSums]) {
      test(`${op.name} ${precision}, pointwise, ${width} wide: accesses are efficient`, async () => {
        const weight = [width, 64, 1, 1, 1];
        const got = await counted(op, [2, 2, 16, 16, 64], weight, conv(weight), precision);
        assert.equal([got.bankConflicts, got.excessSectors], [0, 0]);
      });
    }
  }
  for (const [name, x, weight, attrs] of [
    ["1x3x3", [1, 2, 16, 16, 64], [64, 64, 1, 3, 3], { low: [0, 1, 1] }],
    ["3x1x1", [1, 4, 16, 16, 64], [96, 64, 3, 1, 1], { low: [1, 0, 0] }],
    ["3x1x1 of few positions", [1, 4, 8, 8, 64], [64, 64, 3, 1, 1], { low: [1, 0, 0] }],
    ["1x7x7 of 8 channels", [1, 2, 16, 16, 8], [64, 8, 1, 7, 7], { low: [0, 3, 3] }],
  ] as [string, number[], number[], Partial<Conv3dAttrs>][]) {
    test(`conv3d ${precision}, ${name}: accesses are efficient`, async () => {
      const { bankConflicts, excessSectors, globalAccesses } = await counted(
        conv3d,
        x,
        weight,
        conv(weight, attrs),
        precision,
      );
      assert.is(bankConflicts, 0);
      // a position of 8 channels in 16 bits is half a sector
      assert.ok(excessSectors <= (x[4] === 8 ? globalAccesses : 0), `${excessSectors} of ${globalAccesses}`);
    });
  }
  test(`linear ${precision}: accesses are efficient`, async () => {
    const attrs = { outFeatures: 96, activation: "gelu" as const };
    const { bankConflicts, excessSectors } = await counted(linear, [1, 130, 128], [96, 128], attrs, precision);
    assert.equal([bankConflicts, excessSectors], [0, 0]);
  });
  for (const [name, channels, kernel, stride, low] of [
    ["3x3x3", 64, [3, 3, 3], [1, 1, 1], [1, 1, 1]],
    ["3x3x3 stride 2", 64, [3, 3, 3], [1, 2, 2], [1, 1, 1]],
    ["5x1x1", 64, [5, 1, 1], [1, 1, 1], [2, 0, 0]],
    ["3x3x3 of 54", 54, [3, 3, 3], [1, 1, 1], [1, 1, 1]],
    ["3x3x3 of 54, stride 2", 54, [3, 3, 3], [1, 2, 2], [1, 1, 1]],
  ] as [string, number, Conv3dAttrs["kernel"], Conv3dAttrs["stride"], Conv3dAttrs["low"]][]) {
    test(`depthwise ${precision}, ${name}: accesses are efficient`, async () => {
      const weight = [channels, 1, ...kernel];
      const attrs = conv(weight, { groups: channels, stride, low });
      const size = [8, 16, 16, channels];
      const got = await counted(conv3d, [1, ...size], weight, attrs, precision);
      if (channels % 32 === 0) {
        assert.equal([got.bankConflicts, got.excessSectors], [0, 0]);
      } else {
        // the rows of 54 channels may start anywhere in a sector, with stride 2 each row of x does; and they wrap
        // around the banks anywhere, in each half of a warp
        assert.ok(got.bankConflicts <= 2 * got.sharedAccesses, JSON.stringify(got));
        assert.ok(got.excessSectors <= stride[1] * got.globalAccesses, JSON.stringify(got));
      }
    });
  }
}

for (const [name, x, weight] of [
  ["1x7x7", [1, 2, 64, 64, 3], [64, 3, 1, 7, 7]],
  ["1x3x3", [1, 2, 160, 160, 3], [24, 3, 1, 3, 3]],
]) {
  test(`stem bf16, ${name as string}: accesses are efficient`, async () => {
    const w = weight as number[];
    const attrs = conv(w, { stride: [1, 2, 2], low: [0, (w[3] - 1) / 2, (w[4] - 1) / 2] });
    const got = await counted(conv3d, x as number[], w, attrs, "bf16");
    // copies of lines begin and end in the middle of a sector, and those of the next line are in other banks
    assert.ok(got.excessSectors <= 0.15 * got.globalAccesses, JSON.stringify(got));
    assert.ok(got.bankConflicts <= 0.01 * got.sharedAccesses, JSON.stringify(got));
  });
}

for (const [size, low] of [
  [3, 1],
  [7, 3],
  [7, 2],
]) {
  test(`a stem ${size} wide with ${low} of padding reads only its window`, async () => {
    ops.configure({ device: "cuda-emulated" });
    const [H, W] = [19, 24];
    const attrs = conv3dAttrs({
      outChannels: 24,
      kernel: [1, size, size],
      stride: [1, 2, 2],
      low: [0, low, low],
    });
    const weight = { shape: [24, 3, 1, size, size], data: halves(24 * 3 * size * size), dtype: "f16" } as const;
    const run = async (data: Uint16Array) => {
      const inputs = [{ shape: [1, 1, H, W, 3], data, dtype: "f16" as const }, weight, null, null, null];
      const results = await ops.runOp<Conv3dAttrs, { shape: number[]; data: Uint16Array }[]>(conv3d, inputs, attrs);
      return results[0];
    };
    const clean = await run(halves(H * W * 3));
    const [, , rows, columns] = clean.shape;
    for (const at of [
      { h: 8, w: 11 },
      { h: 9, w: 12 },
    ]) {
      const data = halves(H * W * 3);
      data.fill(0x7e00, (at.h * W + at.w) * 3, (at.h * W + at.w + 1) * 3); // NaN
      const got = await run(data);
      for (let h = 0; h < rows; h++) {
        for (let w = 0; w < columns; w++) {
          const inside = [at.h - (2 * h - low), at.w - (2 * w - low)].every((tap) => tap >= 0 && tap < size);
          const from = (h * columns + w) * 24;
          const same = clean.data.slice(from, from + 24).every((v, c) => v === got.data[from + c]);
          assert.is(same, !inside, `row ${h}, column ${w}`);
        }
      }
    }
  });
}

test("the sums of squeeze-and-excitation, bf16: accesses are efficient", async () => {
  const weight = [64, 1, 3, 3, 3];
  const got = await counted(
    conv3dSums,
    [1, 4, 16, 16, 64],
    weight,
    conv(weight, { groups: 64, low: [1, 1, 1] }),
    "bf16",
  );
  assert.is(got.bankConflicts, 0);
  // sectors of the bias, as without sums
  assert.ok(got.excessSectors <= (4 * 16 * 16 * 64) / 4 / 32, JSON.stringify(got));
});

test.after(() => ops.dispose());
test.run();
