// Sizes, keys and operation counts of the S3D family.
import { readdirSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { describeModel } from "#lib/models/describe.js";
import { S3D, S3DG, type S3DOptions, s3dFeatures } from "#lib/models/video/s3d.js";
import { input, trace } from "#lib/graph/trace.js";
import { kyleminToTorchvision } from "#lib/weights/published.js";
import type { StoredTensor } from "#lib/weights/tensor.js";
import { readFixture } from "../../scripts/fixtures/case.js";

const test = suite("s3d");

const keysOf = (options: S3DOptions) =>
  trace(() => ({ y: s3dFeatures(input("video", [1, 16, 64, 64, 3]), options) }))
    .nodes.filter((node) => node.op.name === "parameter")
    .map((node) => node.attrs.key as string);

test("parameters and multiply-adds equal the published numbers", () => {
  const s3d = describeModel({ model: "s3d", frames: 64 });
  assert.is(s3d.parameters, 8_320_048);
  assert.is(Math.round(s3d.macs / 1e7), 7192);
  const s3dg = describeModel({ model: "s3dg", frames: 32 });
  assert.is(s3dg.parameters, 9_670_800);
  assert.is(Math.round(s3dg.macs / 1e7), 3710);
});

test("keys equal those of the published files", () => {
  for (const file of readdirSync("test/fixtures/models")) {
    const { model, state } = readFixture(`test/fixtures/models/${file}`).case;
    if (!model.startsWith("s3d")) continue;
    const wanted = Object.keys(state).filter((key) => !/num_batches_tracked$|^text_module|^classifier|^fc\./.test(key));
    assert.equal(keysOf(model === "s3d" ? S3D : S3DG).sort(), wanted.sort(), file);
  }
});

test("kylemin's keys map to torchvision's, in the same order", () => {
  const { state } = readFixture("test/fixtures/models/s3d_16x224.safetensors").case;
  // the same layers under kylemin's names (base.N.conv_s, .bn_t, .branch1.1.conv_s ...)
  const rename = (key: string) => {
    const part = (name: string) =>
      name
        .replace(/^0\.0\./, "conv_s.")
        .replace(/^0\.1\./, "bn_s.")
        .replace(/^1\.0\./, "conv_t.")
        .replace(/^1\.1\./, "bn_t.");
    const single = (name: string) => name.replace(/^0\./, "conv.").replace(/^1\./, "bn.");
    const match = /^features\.(\d+)\.(branch\d)?\.?(.*)$/.exec(key);
    if (!match) return key.replace("classifier.1", "fc.0");
    const [, n, branch, rest] = match;
    if (!branch) return `base.${n}.${n === "2" ? single(rest) : part(rest)}`;
    if (branch === "branch0") return `base.${n}.branch0.0.${single(rest)}`;
    if (branch === "branch3") return `base.${n}.branch3.1.${single(rest.slice(2))}`;
    const inner = rest.slice(2);
    return `base.${n}.${branch}.${rest[0]}.${rest[0] === "0" ? single(inner) : part(inner)}`;
  };
  const tensor: StoredTensor = { dtype: "F32", shape: [], read: () => new Uint8Array(4) };
  const kylemin = new Map(Object.keys(state).map((key) => [rename(key), tensor]));
  assert.is(kylemin.size, Object.keys(state).length);
  assert.equal([...kyleminToTorchvision(kylemin).keys()], Object.keys(state));
});

for (const convolutions of ["full", "top-heavy", "bottom-heavy"] as const) {
  for (const gating of ["none", "branch", "temporal"] as const) {
    test(`${convolutions} with ${gating} gates has the same key map`, () => {
      const graph = trace(() => ({
        y: s3dFeatures(input("video", [1, 16, 64, 64, 3]), { ...S3D, convolutions, gating }),
      }));
      assert.equal([...graph.outputs.get("y")!.shape], [1, 2, 2, 2, 1024]);
      const depths = graph.nodes
        .filter((node) => node.op.name === "conv3d")
        .map((node) => node.attrs.kernel as number[]);
      assert.is(depths.some(([t, h]) => t > 1 && h > 1), convolutions === "full"); // prettier-ignore
      assert.is(depths.some(([t, h]) => t > 1 && h === 1), convolutions !== "full"); // prettier-ignore
    });
  }
}

test.run();
