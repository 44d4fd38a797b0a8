// Weights in several files with an index, and checkpoints with a trainer's objects, through openWeights and the CLI.
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { WeightsError } from "#lib/base/errors.js";
import { floatValues, readFloats } from "#lib/weights/float_values.js";
import { openWeights } from "#lib/weights/index.js";
import { writeSafetensors } from "#lib/weights/safetensors.js";
import { Foreign, HalfTensor, type PickleValue, writeTorchFile } from "../models/torch_file.js";
import { videoclip } from "../support/command_line.js";
import { rejection } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { stored } from "#lib/weights/tensor.js";

const test = suite("shards");
const root = temporaryFolder("shards");

const floats = (...values: number[]) => stored([values.length], () => Float32Array.from(values), "f32");

/** A folder with files of tensors and an index. */
function makeFolder(files: Record<string, Record<string, number[]>>, map: unknown): string {
  const folder = mkdtempSync(join(root, "model-"));
  for (const [name, tensors] of Object.entries(files)) {
    const entries = Object.entries(tensors).map(([key, values]) => [key, floats(...values)] as const);
    writeSafetensors(join(folder, name), new Map(entries));
  }
  const index = join(folder, "model.safetensors.index.json");
  writeFileSync(index, JSON.stringify({ weight_map: map }));
  return index;
}

const TWO = { "b.safetensors": { y: [3] }, "a.safetensors": { x: [1, 2], z: [4] } };
const MAP = { x: "a.safetensors", y: "b.safetensors", z: "a.safetensors" };

async function refusal(index: string): Promise<WeightsError> {
  const error = await rejection(async () => (await openWeights(index)).close());
  assert.instance(error, WeightsError);
  return error;
}

test("an index opens all of its files", async () => {
  const index = makeFolder(TWO, MAP);
  const file = await openWeights(index);
  const values: Record<string, number[]> = {};
  for (const [key, tensor] of file.tensors) values[key] = [...(await readFloats(tensor))];
  assert.equal(values, {
    x: [1, 2],
    z: [4],
    y: [3],
  });
  assert.is(file.path, index);
  assert.is(file.format, "safetensors");
  const hash = createHash("sha256");
  for (const name of ["a.safetensors", "b.safetensors"]) hash.update(readFileSync(join(index, "..", name)));
  assert.is(file.sha256, hash.digest("hex"), "the hash of the files in order of name");
  file.close();
  assert.throws(() => file.tensors.get("y")!.read(), /EBADF|closed/);
});

test("the checksum of a file is correct over several chunks, and so are values at unaligned positions", async () => {
  const path = join(root, "large.safetensors");
  const large = new Float32Array(2_500_000).map((_, i) => Math.sin(i));
  writeSafetensors(
    path,
    new Map([
      ["x", floats(...[1, 2])],
      ["y", { ...floats(0), shape: [large.length], read: () => new Uint8Array(large.buffer) }],
    ]),
  );
  const file = await openWeights(path);
  assert.is(file.sha256, createHash("sha256").update(readFileSync(path)).digest("hex"));
  assert.equal(await readFloats(file.tensors.get("y")!), large);
  file.close();
  const bytes = new Uint8Array(9);
  new DataView(bytes.buffer).setFloat32(1, 1.5, true);
  new DataView(bytes.buffer).setFloat32(5, -2, true);
  assert.equal([...floatValues("F32", bytes.subarray(1))], [1.5, -2]);
  const brain = Uint8Array.of(0, 0x80, 0x3f, 0x20, 0xc0).subarray(1);
  assert.equal([...floatValues("BF16", brain)], [1, -2.5]);
});

test("checkpoints of torch.save can be sharded", async () => {
  const folder = mkdtempSync(join(root, "torch-"));
  const half = (key: string, value: number) => new Map([[key, new HalfTensor([1], Float32Array.of(value))]]);
  writeTorchFile(join(folder, "p1.bin"), half("x", 1));
  writeTorchFile(join(folder, "p2.bin"), half("y", 2));
  const index = join(folder, "pytorch_model.bin.index.json");
  writeFileSync(index, JSON.stringify({ weight_map: { x: "p1.bin", y: "p2.bin" } }));
  const file = await openWeights(index);
  assert.equal([...(await readFloats(file.tensors.get("y")!))], [2]);
  file.close();
});

test("an index that does not match its files is refused", async () => {
  const missing = await refusal(makeFolder(TWO, { ...MAP, w: "c.safetensors" }));
  assert.match(missing.message, /index\.json: 1 of its 3 files are not beside it: c\.safetensors$/);
  assert.match(String(missing.details.file), /c\.safetensors$/);
  const lacking = await refusal(makeFolder(TWO, { ...MAP, w: "b.safetensors" }));
  assert.match(lacking.message, /b\.safetensors: 1 keys that .*index\.json places in it are not there: w$/);
  assert.is(lacking.details.key, "w");
  const twice = await refusal(makeFolder({ ...TWO, "b.safetensors": { y: [3], x: [9] } }, MAP));
  assert.match(twice.message, /b\.safetensors: x is also in another file/);
  for (const name of ["../a.safetensors", "/etc/passwd", "a/b", "a\\b", "..", "", 7]) {
    assert.match((await refusal(makeFolder(TWO, { x: name }))).message, /"x": expected the name of a file beside it/);
  }
  for (const map of [null, [], "a", undefined]) {
    assert.match((await refusal(makeFolder(TWO, map))).message, /expected an object under weight_map/);
  }
  assert.match((await refusal(makeFolder(TWO, {}))).message, /names no file/);
  const broken = makeFolder(TWO, MAP);
  writeFileSync(broken, "{");
  assert.match((await refusal(broken)).message, /expected a JSON object/);
  writeFileSync(broken, "null");
  assert.match((await refusal(broken)).message, /expected an object under weight_map/);
  assert.match((await refusal(join(root, "none.index.json"))).message, /cannot be opened \(ENOENT\)/);
});

test("convert joins several files into one", () => {
  const output = join(root, "whole.safetensors");
  const { status, stdout, stderr } = videoclip("convert", makeFolder(TWO, MAP), output, "--json");
  assert.is(status, 0, stderr);
  assert.equal(JSON.parse(stdout), { output, bytes: readFileSync(output).length, tensors: 3, skipped: [] });
  assert.match(videoclip("inspect", output).stdout, /^tensors {5}3\nparameters {2}4$/m);
});

test("inspect and convert skip a trainer's objects, and report them", async () => {
  const marker = join(root, "never");
  const path = join(root, "checkpoint_best.pt");
  const state = new Map<string, PickleValue>([["w", new HalfTensor([2], Float32Array.of(1, -2))]]);
  writeTorchFile(
    path,
    new Map<string, PickleValue>([
      ["args", new Foreign("argparse", "Namespace", new Map([["lr", 1]]))],
      ["cfg", new Foreign("omegaconf.dictconfig", "DictConfig", null)],
      ["hook", new Foreign("os", "system", `touch ${marker}`)],
      ["model", state],
    ]),
  );
  const seen = videoclip("inspect", path);
  assert.is(seen.status, 0, seen.stderr);
  assert.match(seen.stdout, /^skipped {5}omegaconf\.dictconfig\.DictConfig, os\.system$/m);
  assert.match(seen.stdout, /F16 +\[2\] +w$/m);
  assert.equal(JSON.parse(videoclip("inspect", path, "--json").stdout).skipped.length, 2);
  const output = join(root, "plain.safetensors");
  const converted = videoclip("convert", path, output);
  assert.is(converted.status, 0, converted.stderr);
  assert.match(converted.stderr, /^left out objects of omegaconf\.dictconfig\.DictConfig, os\.system\n1 tensors/);
  const file = await openWeights(output);
  assert.equal([...(await readFloats(file.tensors.get("w")!))], [1, -2]);
  assert.equal(file.skipped, []);
  file.close();
  assert.not.ok(existsSync(marker));
  assert.match((await refusal(path)).message, /omegaconf\.dictconfig\.DictConfig" is not allowed/);
});

test.run();
