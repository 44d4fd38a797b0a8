// Layers compute their definitions and read their options, and misuse causes an error that explains it.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createDevice } from "#lib/index.js";
import { elements } from "#lib/graph/tensor.js";
import * as nn from "#lib/nn/index.js";
import { relativeL2 } from "../support/numbers.js";
import { values } from "./nets.js";
import { rejection } from "../support/errors.js";

const test = suite("layers");

/** The result of a net with one input of that shape, whose parameters are `values` of their key. */
async function apply(layer: (x: nn.Tensor) => nn.Tensor, shape: readonly number[], x = values("x", 1, ...shape)) {
  const model = nn.Model.create((input) => ({ y: layer(input) }), { inputs: { x: shape }, device: "cpu" });
  for (const [key, size] of model.parameters) {
    const v = values(key, ...size);
    model.parameters.set(key, /running_var|norm.*weight/.test(key) ? v.map((a) => 1 + 0.5 * a) : v);
  }
  const { y } = await model.run({ x });
  const parameters = Object.fromEntries([...model.parameters].map(([key]) => [key, model.parameters.get(key)]));
  model.dispose();
  return { shape: y.shape.slice(1), data: y.data, parameters, keys: Object.keys(parameters) };
}
const close = (got: ArrayLike<number>, expected: ArrayLike<number>) => {
  const error = relativeL2(got, expected);
  assert.ok(error < 2e-6, `relative L2 ${error}`);
};

test("a convolution's kernel, stride and padding can be numbers or triples, and padding same or valid", async () => {
  const shape = async (options: nn.ConvOptions) =>
    (await apply((x) => nn.conv3d(x, "c", 2, options), [5, 8, 7, 3])).shape;
  assert.equal(await shape({ kernel: 3 }), [3, 6, 5, 2]);
  assert.equal(await shape({ kernel: 3, padding: "valid" }), [3, 6, 5, 2]);
  assert.equal(await shape({ kernel: 3, padding: 1 }), [5, 8, 7, 2]);
  assert.equal(await shape({ kernel: [1, 3, 3], padding: [0, 1, 1], stride: [1, 2, 2] }), [5, 4, 4, 2]);
  assert.equal(await shape({ kernel: [3, 3, 3], padding: "same", stride: 2 }), [3, 4, 4, 2]);
  const { keys } = await apply((x) => nn.conv3d(x, "c", 6, { kernel: 1, groups: 3 }), [1, 1, 1, 3]);
  assert.equal(keys, ["c.weight", "c.bias"]);
  const bare = await apply((x) => nn.conv3d(x, "c", 6, { kernel: 1, groups: 3, bias: false }), [1, 1, 1, 3]);
  assert.equal(bare.keys, ["c.weight"]);
  assert.is(bare.parameters["c.weight"].length, 6);
});

test("same padding for a stride of 2 is at the end, as in TensorFlow", async () => {
  const row = (...v: number[]) => Float32Array.from(v);
  const { data, parameters } = await apply(
    (x) => nn.conv3d(x, "c", 1, { kernel: [1, 1, 3], stride: [1, 1, 2], padding: "same" }),
    [1, 1, 6, 1],
    row(1, 2, 3, 4, 5, 6),
  );
  const [a, b, c] = parameters["c.weight"];
  const bias = parameters["c.bias"][0];
  close(data, [a + 2 * b + 3 * c + bias, 3 * a + 4 * b + 5 * c + bias, 5 * a + 6 * b + bias]);
});

test("pools: the stride defaults to the kernel; a mean excludes same padding and includes other padding", async () => {
  const x = Float32Array.of(1, 2, 3, -4, -5);
  const pool = (options: nn.AvgPoolOptions, kind: "max" | "avg") =>
    apply((v) => (kind === "max" ? nn.maxPool3d : nn.avgPool3d)(v, options), [1, 1, 5, 1], x).then(({ data }) => [
      ...data,
    ]);
  const kernel = [1, 1, 2] as const;
  assert.equal(await pool({ kernel }, "max"), [2, 3]);
  assert.equal(await pool({ kernel, ceil: true }, "max"), [2, 3, -5]);
  assert.equal(await pool({ kernel, padding: "same" }, "max"), [2, 3, -5]);
  assert.equal(await pool({ kernel }, "avg"), [1.5, -0.5]);
  assert.equal(await pool({ kernel, padding: "same" }, "avg"), [1.5, -0.5, -5]);
  const both = { kernel: [1, 1, 3], padding: [0, 0, 1], stride: 2 } as const;
  close(await pool(both, "avg"), [1, 1 / 3, -3]);
  close(await pool({ ...both, countIncludePad: false }, "avg"), [1.5, 1 / 3, -4.5]);
  const { data, shape } = await apply(
    (v) => nn.globalMax(v),
    [2, 1, 3, 2],
    Float32Array.of(1, -9, 2, -8, 3, -7, 4, -6, 9, -5, 6, -4),
  );
  assert.equal(shape, [2]);
  assert.equal([...data], [9, -4]);
});

test("batchNorm and layerNorm have PyTorch's defaults for eps", async () => {
  const { data, parameters: p } = await apply((x) => nn.batchNorm(x, "norm"), [4], Float32Array.of(1, 2, 3, 4));
  const expected = [1, 2, 3, 4].map((x, i) => {
    const [weight, bias, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map(
      (n) => p[`norm.${n}`][i],
    );
    return ((x - mean) / Math.sqrt(variance + 1e-5)) * weight + bias;
  });
  close(data, expected);
  const tiny = Float32Array.of(1e-3, -1e-3, 2e-3, -2e-3);
  const normed = await apply((x) => nn.layerNorm(x, "norm", { residual: x }), [4], tiny);
  const variance = [...tiny].reduce((sum, v) => sum + (2 * v) ** 2 / 4, 0);
  close(
    normed.data,
    tiny.map(
      (v, i) =>
        ((2 * v) / Math.sqrt(variance + 1e-5)) * normed.parameters["norm.weight"][i] +
        normed.parameters["norm.bias"][i],
    ),
  );
});

test("elementwise functions, numbers as operands, and sums and means over axes give their definitions", async () => {
  const x = Float32Array.of(-2, -0.5, 0.5, 2, 1, 3);
  const of = async (layer: (v: nn.Tensor) => nn.Tensor) => (await apply(layer, [2, 3], x)).data;
  const sigmoid = (v: number) => 1 / (1 + Math.exp(-v));
  close(
    await of(nn.relu),
    x.map((v) => Math.max(0, v)),
  );
  close(await of(nn.sigmoid), x.map(sigmoid));
  close(await of(nn.tanh), x.map(Math.tanh));
  close(
    await of(nn.swish),
    x.map((v) => v * sigmoid(v)),
  );
  close(await of(nn.exp), x.map(Math.exp));
  close(
    await of(nn.softplus),
    x.map((v) => Math.log1p(Math.exp(v))),
  );
  assert.ok(relativeL2(await of((v) => nn.gelu(v, { approximate: "tanh" })), await of((v) => nn.gelu(v))) < 2e-3);
  close(
    await of((v) => nn.add(nn.mul(v, 3), 1)),
    x.map((v) => 3 * v + 1),
  );
  close(
    await of((v) => nn.div(1, nn.sub(5, v))),
    x.map((v) => 1 / (5 - v)),
  );
  close(
    await of((v) => nn.maximum(v, 0.75)),
    x.map((v) => Math.max(v, 0.75)),
  );
  close(await of((v) => nn.sum(v, -1)), [-2, 6]);
  close(await of((v) => nn.mean(v, [1, 2])), [4 / 6]);
  close(await of((v) => nn.mean(v, 1)), [0, 0.25, 1.75]);
  close(
    await of((v) => nn.softmax(v, { log: true })),
    [-2, -0.5, 0.5, 2, 1, 3].map(
      (v, i) => v - Math.log((i < 3 ? [-2, -0.5, 0.5] : [2, 1, 3]).reduce((s, u) => s + Math.exp(u), 0)),
    ),
  );
  const norm = await of((v) => nn.l2Normalize(v));
  assert.ok(Math.abs(Math.hypot(...norm.slice(0, 3)) - 1) < 1e-6);
  assert.equal(await of((v) => nn.dropout(v, 0.5)), x);
});

test("shapes: -1 stands for the remaining size, the last axis, or the end", async () => {
  const x = Float32Array.from({ length: 24 }, (_, i) => i);
  const of = (layer: (v: nn.Tensor) => nn.Tensor) => apply(layer, [2, 3, 4], x);
  assert.equal((await of((v) => nn.reshape(v, [v.shape[0], -1, 8]))).shape, [3, 8]);
  assert.equal((await of(nn.flatten)).shape, [24]);
  assert.equal((await of((v) => nn.concat([v, v], -1))).shape, [2, 3, 8]);
  const block = await of((v) => nn.slice(v, [0, 1, 0, 2], [-1, -1, 2, -1]));
  assert.equal(block.shape, [1, 2, 2]);
  assert.equal([...block.data], [14, 15, 18, 19]);
  const turned = await of((v) => nn.permute(v, [0, 3, 2, 1]));
  assert.equal(turned.shape, [4, 3, 2]);
  assert.equal([...turned.data.slice(0, 4)], [0, 12, 4, 16]);
});

test("self-attention equals torch.nn.MultiheadAttention, in keys and values", async () => {
  const [S, C, heads] = [3, 4, 2];
  const { data, keys, parameters: p } = await apply((x) => nn.selfAttention(x, "a", { heads }), [S, C]);
  assert.equal(keys.sort(), ["a.in_proj_bias", "a.in_proj_weight", "a.out_proj.bias", "a.out_proj.weight"]);
  const x = values("x", 1, S, C);
  const dense = (rows: number[][], weight: Float32Array, bias: Float32Array, from: number, count: number) =>
    rows.map((row) =>
      Array.from({ length: count }, (_, o) =>
        row.reduce((sum, v, i) => sum + v * weight[(from + o) * C + i], bias[from + o]),
      ),
    );
  const rows = Array.from({ length: S }, (_, s) => [...x.slice(s * C, (s + 1) * C)]);
  const [q, k, v] = [0, 1, 2].map((i) => dense(rows, p["a.in_proj_weight"], p["a.in_proj_bias"], i * C, C));
  const mixed = q.map((query) =>
    Array.from({ length: C }, (_, c) => {
      const first = Math.floor(c / 2) * 2;
      const scores = k.map((key) =>
        Math.exp((query[first] * key[first] + query[first + 1] * key[first + 1]) / Math.sqrt(2)),
      );
      const total = scores.reduce((a, b) => a + b, 0);
      return scores.reduce((sum, score, s) => sum + (score / total) * v[s][c], 0);
    }),
  );
  close(data, dense(mixed, p["a.out_proj.weight"], p["a.out_proj.bias"], 0, C).flat());
});

test("a Transformer layer has torch's keys; a causal one ignores later tokens; a mask excludes tokens", async () => {
  const layer =
    (options: Partial<nn.TransformerLayerOptions> = {}) =>
    (x: nn.Tensor) =>
      nn.transformerLayer(x, "layers.0", { heads: 2, hidden: 6, ...options });
  const { keys, parameters } = await apply(layer(), [3, 4]);
  const names = ["self_attn.in_proj_weight", "self_attn.in_proj_bias", "self_attn.out_proj.weight", "self_attn.out_proj.bias", "linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias", "norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"]; // prettier-ignore
  assert.equal(keys.sort(), names.map((name) => `layers.0.${name}`).sort());
  assert.is(parameters["layers.0.linear1.weight"].length, 24);
  const x = values("x", 1, 3, 4);
  const other = x.slice();
  other.fill(9, 8);
  for (const normFirst of [false, true]) {
    const [a, b] = [
      await apply(layer({ causal: true, normFirst }), [3, 4], x),
      await apply(layer({ causal: true, normFirst }), [3, 4], other),
    ];
    assert.equal(a.data.slice(0, 8), b.data.slice(0, 8));
    const [c, d] = [await apply(layer({ normFirst }), [3, 4], x), await apply(layer({ normFirst }), [3, 4], other)];
    assert.not.equal(c.data.slice(0, 8), d.data.slice(0, 8));
  }
  const net = (tokens: nn.Tensor, mask: nn.Tensor) => ({ y: nn.transformerLayer(tokens, "l", { heads: 2, mask }) });
  const model = nn.Model.create(net, { inputs: { tokens: [3, 4], mask: [3] }, dtypes: { mask: "u8" } });
  const mask = Uint8Array.of(1, 1, 0);
  const [a, b] = [await model.run({ tokens: x, mask }), await model.run({ tokens: other, mask })];
  assert.equal(a.y.data.slice(0, 8), b.y.data.slice(0, 8));
  model.dispose();
});

test("scopes precede keys and name layers", async () => {
  const net = (x: nn.Tensor) => nn.scope("a", () => nn.scope("b.0", () => nn.linear(x, "fc", 2)));
  const { keys } = await apply(net, [3]);
  assert.equal(keys, ["a.b.0.fc.weight", "a.b.0.fc.bias"]);
  const { message } = await rejection(() => apply((x) => nn.scope("a", () => nn.add(nn.linear(x, "fc", 2), x)), [3]));
  assert.match(message, /layer a/);
});

test("trace and compile make programs of a caller", async () => {
  const device = createDevice({ device: "cpu" });
  device.parameters.set("w", [2], Float32Array.of(2, 3));
  const graph: nn.Graph = nn.trace(() => ({ y: nn.mul(nn.input("x", [2]), nn.parameter("w", [2])) }));
  const program: nn.Program = nn.compile(graph, device);
  assert.equal([...(await program.run({ x: Float32Array.of(5, 7) })).y], [10, 21]);
  program.dispose();
  device.dispose();
});

test("an error for a missing parameter names it and its layer", async () => {
  const device = createDevice({ device: "cpu" });
  const { message, code } = await rejection(async () => {
    const graph = nn.trace(() => ({ y: nn.batchNorm(nn.input("x", [1, 2]), "b1.bn") }));
    await nn.compile(graph, device).run({ x: new Float32Array(2) });
  });
  assert.is(code, "ERR_WEIGHTS");
  assert.match(message, /parameter b1\.bn\.weight of layer b1\.bn is missing/);
  device.dispose();
});

/** Incorrect nets and their error messages. */
const WRONG: [string, (x: nn.Tensor) => nn.Tensor, RegExp][] = [
  ["a value that is not a tensor", () => nn.relu(3 as never), /relu: x: expected a tensor f32, received 3/],
  ["another rank", (x) => nn.conv3d(nn.globalMean(x), "b1.conv", 3, { kernel: 1 }), /conv3d b1\.conv: x: expected f32 \[N, T, H, W, C\], received f32 \[1, 3\]/],
  ["no key", (x) => nn.linear(x, undefined as never, 3), /linear: key: expected the name of the layer/],
  ["no channels", (x) => nn.conv3d(x, "c", 0, { kernel: 1 }), /conv3d c: outChannels: expected a positive whole number, received 0/],
  ["no kernel", (x) => nn.conv3d(x, "c", 2, {} as never), /conv3d c: kernel: expected a whole number of at least 1, or three/],
  ["an unknown option", (x) => nn.conv3d(x, "c", 2, { kernel: 1, paddin: 1 } as never), /paddin: unknown option; did you mean padding\?/],
  ["an unknown padding", (x) => nn.conv3d(x, "c", 2, { kernel: 1, padding: "full" as never }), /layer c: conv3d: padding: expected "same", "valid"/],
  ["groups", (x) => nn.conv3d(x, "c", 2, { kernel: 1, groups: 2 }), /groups: expected a divisor of 3 channels, received 2/],
  ["a window too large", (x) => nn.maxPool3d(x, { kernel: 5 }), /maxPool3d|max_pool3d/],
  ["eps", (x) => nn.batchNorm(x, "b", { eps: -1 }), /batchNorm b: eps: expected a positive number, received -1/],
  ["heads", (x) => nn.selfAttention(nn.reshape(x, [x.shape[0], -1, 3]), "a", { heads: 2 }), /heads: expected a divisor of the 3 channels/],
  ["an axis", (x) => nn.concat([x, x], 5), /concat: axis: expected an axis from -5 to 4, received 5/],
  ["a shape", (x) => nn.reshape(x, [7, -1]), /reshape: shape: expected sizes of 24 elements/],
  ["an order", (x) => nn.permute(x, [0, 1, 2, 3, 3]), /permute: order: expected each axis from 0 to 4 once/],
  ["shapes that do not broadcast", (x) => nn.add(x, nn.parameter("p", [2])), /broadcast/],
  ["ids of another dtype", (x) => nn.embedding(x, "e", 3, 2), /embedding e: ids: expected i32, received f32/],
  ["one key for two shapes", (x) => nn.add(nn.linear(x, "k", 3), nn.linear(nn.concat([x, x], 4), "k", 3)), /parameter k\.weight: expected f32 \[3, 3\], as where it was used before/],
  ["an unknown encoder", (x) => nn.videoEncoder(x, "e", { model: "resnet" as never }), /model: expected one of s3d/],
  ["two numbers", (x) => nn.add(x, nn.add(1, 2)), /add: a: expected a tensor/],
]; // prettier-ignore

test("the error of a misuse explains it", async () => {
  for (const [what, layer, expected] of WRONG) {
    const error = await rejection(() => apply(layer, [2, 2, 2, 3]));
    assert.match(error.message, expected, `${what}: ${error.message}`);
    assert.ok(["ERR_INVALID_ARGUMENT", "ERR_SHAPE", "ERR_DTYPE"].includes(error.code!), `${what}: ${error.code}`);
  }
});

test("layers outside of a model, and tensors of another trace, are refused", async () => {
  assert.match(
    (await rejection(() => nn.relu(1 as never))).message,
    /only be applied inside the function that describes a model/,
  );
  let kept: nn.Tensor | undefined;
  await apply((x) => (kept = nn.relu(x)), [3]);
  const { message, code } = await rejection(() => apply((x) => nn.add(x, kept!), [3]));
  assert.is(code, "ERR_INVALID_ARGUMENT");
  assert.match(message, /binary: expected tensors of this trace, received one of another/);
});

/** Functions that are not nets. */
const NETS: [string, (x: nn.Tensor) => never, RegExp][] = [
  ["a tensor alone", (x) => x as never, /expected an object of named tensors, such as \{ logits \}, received a tensor alone/],
  ["nothing", () => undefined as never, /expected an object of named tensors, .*received undefined/],
  ["no outputs", () => ({}) as never, /received none/],
  ["no tensor", () => ({ y: 3 }) as never, /y: expected a tensor, received 3/],
  ["no batch", (x) => ({ y: nn.sum(x) }) as never, /y: expected f32 values of 1 examples \[1, \.\.\.\], received f32 \[\]/],
  ["the batch as part of an example", (x) => ({ y: nn.mul(x, nn.sum(nn.parameter("p", [x.shape[0], 3]))) }) as never, /parameter p is \[1, 3\] for a batch of one example and \[2, 3\] for two/],
]; // prettier-ignore

test("nets that cannot be models, and wrong options, are refused", async () => {
  for (const [what, net, expected] of NETS) {
    const { message } = await rejection(() => nn.Model.create(net, { inputs: { x: [3] } }));
    assert.match(message, expected, `${what}: ${message}`);
  }
  const net = (x: nn.Tensor) => ({ y: x });
  const create = (options: unknown) => rejection(() => nn.Model.create(net, options as never));
  assert.match((await create({})).message, /inputs: expected a shape by name/);
  assert.match((await create(undefined)).message, /options: expected an object/);
  assert.match((await create({ inputs: { x: [0] } })).message, /inputs\.x: expected the positive sizes of one example/);
  assert.match(
    (await create({ inputs: { x: [3] }, dtypes: { x: "f64" } })).message,
    /dtypes\.x: expected f32, u8 or i32/,
  );
  assert.match(
    (await create({ inputs: { x: [3] }, dtype: "u8" })).message,
    /dtype: unknown option; did you mean dtypes\?/,
  );
  assert.match((await create({ inputs: { x: [3] }, batch: 0 })).message, /batch: expected a positive whole number/);
  assert.match(
    (await rejection(() => nn.Model.create(3 as never, { inputs: { x: [3] } }))).message,
    /net: expected a function/,
  );
  const model = nn.Model.create(net, { inputs: { x: [3] } });
  const run = (x: unknown) => rejection(() => model.run(x as never)).then(({ message }) => message);
  assert.match(await run({ y: new Float32Array(3) }), /y: the model has no such input/);
  assert.match(await run({}), /x: expected Float32Array f32 \[N, 3\], received undefined/);
  assert.match(await run({ x: new Float64Array(3) }), /received a Float64Array of 3 values/);
  assert.match(await run({ x: new Float32Array(4) }), /received a Float32Array of 4 values/);
  assert.match(await run({ x: { data: new Float32Array(3), shape: [3] } }), /of shape \[3\]/);
  assert.is(elements(model.outputs.y), 3);
  model.dispose();
});

test.run();
