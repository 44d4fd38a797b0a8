// Gradients of video layers beyond their shape tables: several outputs, ties, threads, running statistics.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createDevice, type Device } from "#lib/runtime/device.js";
import { differentiate } from "#lib/autodiff/differentiate.js";
import { evaluate64 } from "#lib/graph/evaluate64.js";
import { conv3d, conv3dAttrs, maxPool3d } from "#lib/ops/index.js";
import { compile } from "#lib/runtime/compile.js";
import { type Array64, elements, type Tensor } from "#lib/graph/tensor.js";
import { applyOp, type Graph, input, parameter, trace } from "#lib/graph/trace.js";
import { inception, S3D, S3DG } from "#lib/models/video/s3d.js";
import { x3dBlock } from "#lib/models/video/x3d.js";
import * as nn from "#lib/nn/layers.js";
import { hashParameter, hashValues } from "#lib/nn/random_weights.js";
import { relativeL2 } from "../support/numbers.js";

const test = suite("gradients of video layers");

const values = (name: string, shape: readonly number[]) => hashValues("gradients_video", name, elements(shape));
const inputsOf = (graph: Graph) =>
  Object.fromEntries([...graph.inputs].map(([name, { shape }]) => [name, values(name, shape)]));
const wide = (shape: readonly number[], data: Float32Array): Array64 => ({ shape, data: Float64Array.from(data) });

/** The gradients of sum(y dy) by x and by all trained parameters. */
function backward(x: Tensor, y: Tensor, keys: readonly [string, readonly number[]][]): Record<string, Tensor> {
  const wrt = [x, ...keys.map(([key, shape]) => parameter(key, shape))];
  const gradients = differentiate([{ value: y, gradient: input("dy", y.shape) }], wrt);
  return Object.fromEntries(gradients.map((g, i) => [i === 0 ? "x" : keys[i - 1][0], g!]));
}

/** The gradients of a layer in training mode; its parameters are in the store of the device. */
function trainingGraph(shape: readonly number[], layer: (x: Tensor) => Tensor, device?: Device): Graph {
  const build = () => layer(input("x", shape));
  const keys: [string, readonly number[]][] = [];
  for (const node of trace(() => ({ y: build() }), { training: {} }).nodes) {
    if (node.op.name !== "parameter") continue;
    const key = node.attrs.key as string;
    const size = node.outputs[0].shape;
    device?.parameters.set(key, size, hashParameter("gradients_video", key, size));
    if (!/running/.test(key)) keys.push([key, size]);
  }
  return trace(
    () => {
      const x = input("x", shape);
      const y = layer(x);
      return { y, ...backward(x, y, keys) };
    },
    { training: {} },
  );
}

const LAYERS: Record<string, { shape: readonly number[]; layer: (x: Tensor) => Tensor }> = {
  "S3D block": {
    shape: [2, 3, 9, 10, 24],
    layer: (x) => inception(x, S3D, "4b", [16, [12, 24], [8, 16], 8]),
  },
  "S3D-G block": {
    shape: [1, 3, 7, 6, 16],
    layer: (x) => inception(x, S3DG, "4b", [8, [12, 20], [4, 8], 8]),
  },
  "X3D block": {
    shape: [2, 3, 10, 9, 16],
    layer: (x) => x3dBlock(x, { key: "blocks.2.res_blocks.0", index: 0, width: 24, inner: 54 }),
  },
};

for (const [name, { shape, layer }] of Object.entries(LAYERS)) {
  test(`${name}: the bits are equal for 1 and 3 threads`, async () => {
    const results = [];
    for (const threads of [1, 3]) {
      const device = createDevice({ device: "cpu", threads });
      try {
        const graph = trainingGraph(shape, layer, device);
        const given = inputsOf(graph);
        results.push(await compile(graph, device).run(given));
      } finally {
        device.dispose();
      }
    }
    for (const [key, data] of Object.entries(results[0])) assert.equal(data, results[1][key], key);
  });

  test(`${name}: the emulator equals the CPU`, async () => {
    const results = [];
    for (const kind of ["cpu", "cuda-emulated"] as const) {
      const device = createDevice({ device: kind });
      try {
        const graph = trainingGraph(shape, layer, device);
        const given = inputsOf(graph);
        results.push(await compile(graph, device).run(given));
      } finally {
        device.dispose();
      }
    }
    const [cpu, gpu] = results;
    for (const [key, expected] of Object.entries(cpu)) {
      const error = relativeL2(gpu[key], expected);
      assert.ok(error < 2e-4, `${key}: relative L2 ${error}`);
    }
  });
}

test("a step stores the running statistics of its batch", async () => {
  const device = createDevice({ device: "cpu" });
  try {
    const shape = [2, 2, 5, 4, 6];
    const graph = trace(() => ({ y: nn.batchNorm(input("x", shape), "bn", { eps: 1e-3, momentum: 0.25 }) }), {
      training: {},
    });
    const x = values("x", shape);
    const before = { weight: 1.5, bias: 0.5, running_mean: 2, running_var: 3 };
    for (const [part, v] of Object.entries(before))
      device.parameters.set(`bn.${part}`, [6], new Float32Array(6).fill(v));
    const rows = x.length / 6;
    const mean = Array.from({ length: 6 }, (_, c) => x.reduce((s, v, i) => s + (i % 6 === c ? v : 0), 0) / rows);
    const squares = mean.map((m, c) => x.reduce((s, v, i) => s + (i % 6 === c ? (v - m) ** 2 : 0), 0));
    const { y } = await compile(graph, device).run({ x });
    y.forEach((v, i) => {
      const c = i % 6;
      const expected = ((x[i] - mean[c]) / Math.sqrt(squares[c] / rows + 1e-3)) * 1.5 + 0.5;
      assert.ok(Math.abs(v - expected) < 1e-5, `y ${v}, expected ${expected}`);
    });
    const [newMean, newVariance] = ["running_mean", "running_var"].map((part) => device.parameters.get(`bn.${part}`));
    mean.forEach((m, c) => {
      assert.ok(Math.abs(newMean[c] - (0.75 * 2 + 0.25 * m)) < 1e-6, "running mean");
      assert.ok(Math.abs(newVariance[c] - (0.75 * 3 + 0.25 * (squares[c] / (rows - 1)))) < 1e-6, "running variance");
    });
  } finally {
    device.dispose();
  }
});

test("an output of a convolution that nothing reads contributes no gradient", () => {
  const shape = [1, 2, 4, 3, 6];
  const weightShape = [9, 6, 1, 1, 1];
  const attrs = conv3dAttrs({ outChannels: 9, kernel: [1, 1, 1], split: [2, 4, 3], activation: "relu" });
  const graph = trace(() => {
    const [x, weight] = [input("x", shape), input("weight", weightShape)];
    const outputs = applyOp(conv3d, [x, weight, null, null, null], attrs);
    const seeds = [0, 2].map((i) => ({ value: outputs[i], gradient: input(`dy${i}`, outputs[i].shape) }));
    const [dx, dweight] = differentiate(seeds, [x, weight]);
    return { dx: dx!, dweight: dweight! };
  });
  const given = Object.fromEntries([...graph.inputs].map(([name, t]) => [name, wide(t.shape, values(name, t.shape))]));
  const { dweight, dx } = evaluate64(graph, given, () => {
    throw new Error("no parameters");
  });
  const row = (o: number) => dweight.data.subarray(o * 6, (o + 1) * 6);
  for (let o = 0; o < 9; o++)
    assert.is(
      row(o).some((v) => v !== 0),
      o < 2 || o >= 6,
      `row ${o}`,
    );
  assert.ok(dx.data.some((v) => v !== 0));
});

test("the first of equal values receives a maximum's gradient, unless a padding zero precedes it", async () => {
  const device = createDevice({ device: "cpu" });
  try {
    for (const [padding, expected] of [
      ["-inf", [3, 0, 4, 0]],
      ["zero", [0, 0, 4, 0]],
    ] as const) {
      const graph = trace(() => {
        const x = input("x", [1, 1, 1, 4, 1]);
        const attrs = { kernel: [1, 1, 3], stride: [1, 1, 2], low: [0, 0, 1], high: [0, 0, 0], ceil: false, padding };
        const [y] = applyOp(maxPool3d, [x], attrs as never);
        return { dx: differentiate([{ value: y, gradient: input("dy", y.shape) }], [x])[0]! };
      });
      // windows {padding, 0, 0} and {0, 1, 1}: gradient 3 goes to the first zero or to the padding, gradient 4 to the
      // first 1
      const { dx } = await compile(graph, device).run({ x: Float32Array.of(0, 0, 1, 1), dy: Float32Array.of(3, 4) });
      assert.equal([...dx], [...expected], padding);
    }
  } finally {
    device.dispose();
  }
});

test.run();
