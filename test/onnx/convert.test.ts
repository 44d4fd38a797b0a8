// videoclip convert writes ONNX and safetensors files, prints a summary, and refuses wrong options.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { traceVideoEncoder } from "#lib/onnx/index.js";
import { parametersOf } from "#lib/models/parameters.js";
import { hashParameter } from "#lib/nn/random_weights.js";
import { resolvePreset } from "#lib/video/presets.js";
import { openWeights, type StoredTensor, writeSafetensors } from "#lib/weights/index.js";
import { readOnnx } from "./read_onnx.js";
import { videoclip } from "../support/command_line.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { stored } from "#lib/weights/tensor.js";

const test = suite("convert");
const folder = temporaryFolder("convert");
const checkpoint = join(folder, "s3dg.safetensors");
const path = (name: string) => join(folder, name);

function convert(...args: string[]) {
  return videoclip("convert", ...args);
}

test.before(() => {
  const graph = traceVideoEncoder({ model: "s3dg", output: "video_embedding", preset: resolvePreset("s3dg") });
  const tensors = new Map<string, StoredTensor>();
  for (const [key, shape] of parametersOf(graph)) {
    const data = hashParameter("onnx/", key, shape);
    tensors.set(
      key,
      stored(shape, () => data, "f32"),
    );
  }
  writeSafetensors(checkpoint, tensors);
});

test("a checkpoint is converted with its model to ONNX", async () => {
  const output = path("model.onnx");
  writeFileSync(output, "an old file");
  const args = ["--onnx", output, "--model", "s3dg", "--output", "video_embedding", "--frames", "8", "--size", "64"];
  const result = convert(checkpoint, ...args, "--batch", "3", "--json");
  assert.is(result.status, 0, result.stderr);
  assert.is(result.stderr, "");
  const bytes = readFileSync(output);
  assert.equal(JSON.parse(result.stdout), { output, bytes: bytes.length, tensors: 228 });
  const model = readOnnx(bytes);
  assert.equal(model.inputs, [{ name: "video", dtype: 1, shape: [3, 3, 8, 64, 64] }]);
  assert.equal(model.outputs, [{ name: "video_embedding", dtype: 1, shape: [3, 512] }]);
  const file = await openWeights(checkpoint);
  file.close();
  assert.is(model.metadata.weights, file.sha256.slice(0, 16));
  assert.is(JSON.parse(model.metadata.preset).frames, 8);
  assert.equal(readdirSync(folder).sort(), ["model.onnx", "s3dg.safetensors"]);
});

test("the default output is mixed_5c, and generated weights need no file", () => {
  const output = path("random.onnx");
  const result = convert("--random-weights", "7", "--onnx", output, "--model", "s3d", "--frames", "8", "--size", "64");
  assert.is(result.status, 0, result.stderr);
  assert.is(result.stdout, "");
  assert.match(result.stderr, /154 tensors, \d+ bytes written to .*random\.onnx/);
  assert.equal(readOnnx(readFileSync(output)).outputs, [{ name: "mixed_5c", dtype: 1, shape: [1, 1024] }]);
});

test("conversion to safetensors prints one object on stdout and replaces an old file", async () => {
  const output = path("copy.safetensors");
  writeFileSync(output, "an old file");
  const result = convert(checkpoint, output, "--json");
  assert.is(result.status, 0, result.stderr);
  const file = await openWeights(output);
  const original = await openWeights(checkpoint);
  assert.equal(JSON.parse(result.stdout), {
    output,
    bytes: readFileSync(output).length,
    tensors: original.tensors.size,
    skipped: [],
  });
  for (const [key, tensor] of original.tensors)
    assert.ok(Buffer.from(tensor.read()).equals(file.tensors.get(key)!.read()));
  file.close();
  original.close();
});

const refused: [string, string[], RegExp, number][] = [
  [
    "an output of unknown kind",
    [checkpoint, path("x.h5")],
    /output: expected a name that ends in \.safetensors, received/,
    2,
  ],
  [
    "an ONNX file of another name",
    ["--onnx", path("x.pb"), "--model", "s3d"],
    /--onnx: expected .*\.onnx, received/,
    2,
  ],
  ["no output", [checkpoint], /output: expected a \.safetensors file \(or --onnx FILE\)/, 2],
  ["no input", [], /input: expected a checkpoint/, 2],
  ["ONNX without a model", [checkpoint, "--onnx", path("x.onnx")], /--model: expected one of s3d, s3dg, x3d-xs/, 2],
  ["a model without ONNX", [checkpoint, path("x.safetensors"), "--model", "s3d"], /--model goes with --onnx/, 2],
  ["seed without ONNX", [path("x.safetensors"), "--random-weights", "1"], /--random-weights goes with --onnx/, 2],
  ["two outputs", [checkpoint, path("x.safetensors"), "--onnx", path("x.onnx"), "--model", "s3dg"], /one output/, 2],
  [
    "a file and a seed",
    [checkpoint, "--onnx", path("x.onnx"), "--model", "s3dg", "--random-weights", "1"],
    /no file/,
    2,
  ],
  ["no weights", ["--onnx", path("x.onnx"), "--model", "s3dg"], /weights: expected a weight file/, 2],
  [
    "an output of another model",
    [checkpoint, "--onnx", path("x.onnx"), "--model", "s3dg", "--output", "logits"],
    /one of mixed_5c, video_embedding/,
    2,
  ],
  ["weights of another model", [checkpoint, "--onnx", path("x.onnx"), "--model", "s3d"], /holds s3dg weights/, 1],
  [
    "safetensors where there is no folder",
    [checkpoint, path("no/x.safetensors")],
    /no\/x\.safetensors: cannot be written \(ENOENT\)/,
    1,
  ],
  [
    "a folder that does not exist",
    [checkpoint, "--onnx", path("no/x.onnx"), "--model", "s3dg"],
    /no\/x\.onnx: cannot be written \(ENOENT\)/,
    1,
  ],
];
for (const [name, args, pattern, status] of refused) {
  test(`${name} is refused`, () => {
    const result = convert(...args);
    assert.match(result.stderr, pattern);
    assert.not.match(result.stderr, /\n\s+at /, "a message, not a stack");
    assert.is(result.status, status);
    assert.is(result.stdout, "");
  });
}

test.run();
