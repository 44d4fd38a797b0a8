// Sizes after the resize, the rounding of crops, and presets with contradictory fields.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { InvalidArgumentError } from "#lib/base/errors.js";
import { geometryOf, keepsSize } from "#lib/video/pixels/geometry.js";
import { listPresets, resolvePreset } from "#lib/video/presets.js";
import type { Preset } from "#lib/video/types.js";
import { isError } from "../support/errors.js";

const test = suite("geometry of presets");

test("crops are rounded as in the references", () => {
  const left = (cropRounding: Preset["cropRounding"], width: number) =>
    geometryOf({ ...resolvePreset("x3d-m"), cropRounding }, width, 256).left;
  // 1 to 7 surplus pixels
  const rooms = [257, 258, 259, 260, 261, 262, 263];
  assert.equal(rooms.map((width) => left("trunc", width)), [0, 1, 1, 2, 2, 3, 3]); // prettier-ignore
  assert.equal(rooms.map((width) => left("half-even", width)), [0, 1, 2, 2, 2, 3, 4]); // prettier-ignore
  assert.equal(rooms.map((width) => left("ceil", width)), [1, 1, 2, 2, 3, 3, 4]); // prettier-ignore
  assert.is(geometryOf(resolvePreset("x3d-m"), 1280, 720).left, 100);
  assert.is(geometryOf(resolvePreset("x3d-s-slowfast"), 1280, 720).left, 71);
});

test("a crop at an end moves along the longer side", () => {
  const at = (cropPosition: Preset["cropPosition"], width: number, height: number) => {
    const { left, top } = geometryOf({ ...resolvePreset("x3d-m"), cropPosition }, width, height);
    return [left, top];
  };
  assert.equal([at("low", 512, 256), at("high", 512, 256)], [[0, 0], [256, 0]]); // prettier-ignore
  assert.equal([at("low", 256, 512), at("high", 256, 512)], [[0, 0], [0, 256]]); // prettier-ignore
});

test("the longer side is cut, follows the ratio or the factor, and is rounded", () => {
  const width = (name: string, w: number, h: number) => geometryOf(resolvePreset(name), w, h).width;
  assert.is(width("s3dg-mmpt", 641, 361), 397);
  assert.is(width("x3d-s", 641, 361), 323);
  assert.is(width("x3d-s-slowfast", 1280, 720), 324);
  const factor = geometryOf(resolvePreset("s3d-kylemin"), 1280, 720);
  assert.equal([factor.width, factor.height, factor.stepX], [398, 224, Math.fround(720 / 224)]);
  assert.is(geometryOf(resolvePreset("x3d-s"), 1280, 720).stepX, Math.fround(1280 / 323));
  for (let side = 100; side < 2000; side += 7) {
    for (const { name, resize } of listPresets()) {
      const { width: w, height: h } = geometryOf(resolvePreset(name), side, side + 3);
      assert.ok(w === resize && h >= resize, `${name}: ${side} gives ${w}x${h}`);
    }
  }
});

test("frames that keep their size are recognised", () => {
  assert.ok(keepsSize(resolvePreset("s3dg-mmpt"), 398, 224));
  assert.ok(keepsSize(resolvePreset("s3dg"), 224, 300));
  assert.not.ok(keepsSize(resolvePreset("s3d"), 256, 300));
  assert.ok(keepsSize(resolvePreset("s3d"), 256, 256));
});

test("presets of a caller without the newer fields keep their meaning, and contradictory fields are refused", () => {
  const { name, fps, frames, stride, resizeMode, resize, interpolation, crop, mean, std, pad } =
    resolvePreset("shapes");
  const old: Preset = { name, fps, frames, stride, resizeMode, resize, interpolation, crop, mean, std, pad };
  assert.equal(resolvePreset(old), old);
  assert.is(
    JSON.stringify(resolvePreset("shapes")),
    JSON.stringify(old),
    "the features of the shipped model stay valid",
  );
  const refused = (change: Partial<Preset>, pattern: RegExp) => {
    assert.throws(() => resolvePreset({ ...old, ...change }), isError(InvalidArgumentError, pattern));
  };
  refused({ scaler: "two-tap" }, /bilinear/);
  refused({ scaler: "two-tap", interpolation: "bilinear", conversion: "accurate" }, /conversion/);
  refused({ scaler: "two-tap", interpolation: "bilinear", order: "crop-resize" }, /order/);
  refused({ sideRounding: "factor" }, /sideRounding/);
  refused({ pad: "spread" }, /pad/);
  refused({ timeRule: "latest" as never }, /timeRule must be nearest, .* or linspace-nominal/);
  assert.is(resolvePreset("x3d-s", { timeRule: "nearest" }).pad, "repeat");
});

test.run();
