// The content of an exported file, read by an independent reader: operators, names, weights, sizes.
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { toOnnx, traceVideoEncoder } from "#lib/onnx/index.js";
import { WeightsError } from "#lib/index.js";
import { compile } from "#lib/runtime/compile.js";
import { elements, type Tensor } from "#lib/graph/tensor.js";
import { input, PARAMETER, trace } from "#lib/graph/trace.js";
import { createDevice } from "#lib/runtime/device.js";
import { evaluate64 } from "#lib/graph/evaluate64.js";
import { foldBatchNorm } from "#lib/compile/passes/index.js";
import * as nn from "#lib/nn/layers.js";
import { hashParameter } from "#lib/nn/random_weights.js";
import { resolvePreset } from "#lib/video/presets.js";
import { floats, type ReadModel, readOnnx } from "./read_onnx.js";
import { isError } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("onnx structure");
const weights = (key: string, shape: readonly number[]) => hashParameter("onnx/", key, shape);

function encoder(
  model: "s3d" | "s3dg",
  output: string,
  options: { fold?: boolean; frames?: number; size?: number } = {},
) {
  const { frames, size, fold } = options;
  const graph = traceVideoEncoder({ model, output, preset: resolvePreset(model, { frames, size }), batch: 2 });
  return readOnnx(toOnnx(graph, weights, { fold, metadata: { note: "größer" } }).toBytes());
}

function counts(model: ReadModel): Record<string, number> {
  const result: Record<string, number> = {};
  for (const { type } of model.nodes) result[type] = (result[type] ?? 0) + 1;
  return result;
}

/** Every value is written once and before it is read, and every stored tensor is used. */
function checkGraph(model: ReadModel): void {
  const known = new Set(model.inputs.map(({ name }) => name));
  for (const { name } of model.tensors) {
    assert.not.ok(known.has(name), `${name} twice`);
    known.add(name);
  }
  const used = new Set<string>();
  const names = new Set<string>();
  for (const node of model.nodes) {
    assert.not.ok(names.has(node.name), `two nodes ${node.name}`);
    names.add(node.name);
    for (const name of node.inputs.filter((text) => text !== "")) {
      assert.ok(known.has(name), `${node.name} reads ${name} before it is written`);
      used.add(name);
    }
    for (const name of node.outputs) {
      assert.not.ok(known.has(name), `${name} twice`);
      known.add(name);
    }
  }
  for (const { name } of model.outputs) assert.ok(known.has(name), `output ${name}`);
  for (const { name, shape, raw, dtype } of model.tensors) {
    assert.ok(used.has(name), `${name} is not used`);
    assert.is(raw.length, elements(shape) * (dtype === 7 ? 8 : 4), name);
  }
}

test("S3D has convolutions, relu, pools and concat, and no other operator before the head", () => {
  const model = encoder("s3d", "logits");
  checkGraph(model);
  assert.equal(counts(model), { Conv: 78, Relu: 77, MaxPool: 13, Concat: 9, AveragePool: 1, ReduceMean: 1 });
  assert.equal(model.opsets, [{ domain: "", version: 20 }]);
  assert.is(model.irVersion, 9);
  assert.is(model.producer, "videoclip");
  assert.equal(model.metadata, { note: "größer" });
  assert.equal(model.inputs, [{ name: "video", dtype: 1, shape: [2, 3, 16, 224, 224] }]);
  assert.equal(model.outputs, [{ name: "logits", dtype: 1, shape: [2, 400] }]);
});

test("S3D-G has also its gates, and neither transposed videos nor padding nodes", () => {
  const model = encoder("s3dg", "video_embedding", { frames: 30, size: 96 });
  checkGraph(model);
  assert.equal(counts(model), {
    Conv: 76,
    Relu: 76,
    MaxPool: 13,
    Concat: 9,
    ReduceMean: 38,
    Gemm: 38,
    Sigmoid: 37,
    Reshape: 37,
    Mul: 37,
  });
  const [stem] = model.nodes;
  assert.equal(stem.attributes, {
    kernel_shape: [4, 8, 8],
    strides: [2, 2, 2],
    pads: [0, 2, 2, 2, 4, 4],
    group: 1,
  });
});

test("as traced, a file has every layer with unchanged parameters", () => {
  for (const [name, output] of [
    ["s3d", "logits"],
    ["s3dg", "video_embedding"],
  ] as const) {
    const model = encoder(name, output, { fold: false });
    checkGraph(model);
    const { Conv, BatchNormalization, Relu } = counts(model);
    assert.is(BatchNormalization, name === "s3d" ? 77 : 76);
    assert.is(Relu, BatchNormalization);
    assert.is(Conv, name === "s3d" ? 78 : 76);
    const graph = traceVideoEncoder({ model: name, output, preset: resolvePreset(name) });
    const parameters = graph.nodes.filter(({ op }) => op === PARAMETER);
    const stored = new Map(model.tensors.filter(({ dtype }) => dtype === 1).map((tensor) => [tensor.name, tensor]));
    assert.is(stored.size, parameters.length);
    for (const node of parameters) {
      const key = node.attrs.key as string;
      const { shape } = node.outputs[0];
      assert.equal(stored.get(key)!.shape, [...shape], key);
      assert.ok(Buffer.from(floats(stored.get(key)!).buffer).equals(Buffer.from(weights(key, shape).buffer)), key);
    }
  }
});

test("folded weights equal the float64 references, rounded once", () => {
  const build = () => ({
    y: nn.batchNorm(nn.conv3d(input("x", [1, 2, 4, 4, 3]), "c", 5, { kernel: [1, 3, 3] }), "bn", { eps: 1e-3 }),
  });
  const model = readOnnx(toOnnx(trace(build), weights).toBytes());
  const graph = trace(build);
  foldBatchNorm(graph);
  const [, weight, bias] = graph.outputs.get("y")!.node.inputs as Tensor[];
  graph.outputs = new Map([
    ["c.weight/fold_conv_weight", weight],
    ["bn.weight/fold_conv_bias", bias],
  ]);
  graph.inputs.clear();
  const expected = evaluate64(graph, {}, (key, shape) => ({ shape, data: Float64Array.from(weights(key, shape)) }));
  const stored = Object.fromEntries(model.tensors.map((tensor) => [tensor.name, floats(tensor)]));
  assert.equal(Object.keys(stored).sort(), Object.keys(expected).sort());
  for (const [name, { data }] of Object.entries(expected)) assert.equal(stored[name], Float32Array.from(data), name);
});

test("outputs that are inputs, weights, views or equal to one another are copies", () => {
  const graph = trace(() => {
    const x = input("x", [1, 2, 2, 2, 3]);
    const y = nn.relu(x);
    return {
      same: x,
      y,
      again: y,
      weight: nn.embedding(input("ids", [2], "i32"), "table", 4, 3),
      z: nn.reshape(y, [24]),
    };
  });
  const model = readOnnx(toOnnx(graph, weights).toBytes());
  checkGraph(model);
  assert.equal(
    model.outputs.map(({ name }) => name),
    ["same", "y", "again", "weight", "z"],
  );
  assert.equal(model.inputs.find(({ name }) => name === "ids")!.dtype, 6);
  assert.is(counts(model).Identity, 2);
});

test("a compiled graph, two values of one name, missing weights and models above 2 GiB are refused", () => {
  const graph = trace(() => ({ y: nn.linear(input("x", [2, 3]), "l", 4) }));
  const device = createDevice({ threads: 1 });
  device.parameters.set("l.weight", [4, 3], weights("l.weight", [4, 3]));
  device.parameters.set("l.bias", [4], weights("l.bias", [4]));
  compile(graph, device);
  device.dispose();
  assert.throws(() => toOnnx(graph, weights), isError("ERR_ONNX", /packed for a device/));
  const twice = trace(() => ({ x: nn.relu(input("x", [2, 3])) }));
  assert.throws(() => toOnnx(twice, weights), isError("ERR_ONNX", /x is the name of an input and of an output/));
  const fits = toOnnx(
    trace(() => ({ y: nn.linear(input("x", [2, 3]), "l", 4) })),
    () => new Float32Array(5),
  );
  assert.throws(() => fits.toBytes(), isError(WeightsError, /l\.weight: expected 12 values/));
  const large = trace(() => ({ y: nn.embedding(input("ids", [2], "i32"), "table", 2 ** 21, 256) }));
  assert.throws(() => toOnnx(large, weights), isError("ERR_ONNX", /2\.15 GB.*2 GiB/));
});

test("files are replaced completely or not at all", async () => {
  const folder = temporaryFolder("onnx");
  try {
    const path = join(folder, "model.onnx");
    writeFileSync(path, "old");
    const build = () => trace(() => ({ y: nn.linear(input("x", [2, 3]), "l", 4) }));
    let left = 1;
    const failing = toOnnx(build(), (key, shape) => {
      if (left-- === 0) throw new Error("the disk is gone");
      return weights(key, shape);
    });
    await failing.save(path).then(
      () => assert.unreachable(),
      (error) => assert.match(error.message, /the disk is gone/),
    );
    assert.is(readFileSync(path, "utf8"), "old");
    const model = toOnnx(build(), weights);
    await model.save(path);
    const bytes = readFileSync(path);
    assert.is(bytes.length, model.bytes);
    assert.ok(bytes.equals(model.toBytes()));
    assert.equal(readdirSync(folder), ["model.onnx"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();
