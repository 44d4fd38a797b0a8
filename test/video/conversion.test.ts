// The package converts decoded planes to the same bytes as libswscale, for every format and size.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { layoutFor } from "#lib/video/pixels/pixel_layout.js";
import { packedBytes, packedFrame, PlaneScaler } from "#lib/video/pixels/planes.js";
import type { PixelSource } from "#lib/video/pixels/filters.js";
import { resolvePreset } from "#lib/video/presets.js";
import { root } from "../../scripts/lint/syntax.js";

const test = suite("conversion of planes");

interface Case extends Omit<PixelSource, "pixelFormat" | "rotation" | "fieldOrder"> {
  format: string;
  width: number;
  height: number;
  /** The planes in order, then the result of PyAV's `to_rgb`; base64. */
  bytes: string;
  rgb: string;
}

const { cases } = JSON.parse(readFileSync(join(root, "test/fixtures/pixels/conversions.json"), "utf8")) as {
  cases: Case[];
};

for (const each of cases) {
  const { format, width, height, chromaLocation, colorSpace, colorRange } = each;
  test(`${format} ${width}x${height}, ${colorSpace}, ${colorRange}, chroma ${chromaLocation}: bytes equal libswscale's`, () => {
    const layout = layoutFor(format);
    assert.is(layout.name, format);
    const bytes = Buffer.from(each.bytes, "base64");
    assert.is(packedBytes(layout, width, height), bytes.length);
    const source = { ...each, pixelFormat: format, rotation: 0, fieldOrder: "progressive" };
    const rgb = Buffer.from(each.rgb, "base64");
    const side = Math.min(width, height);
    for (const cropPosition of ["low", "high"] as const) {
      const preset = { ...resolvePreset("x3d-xs", { size: side }), cropPosition };
      const got = new Uint8Array(side * side * 3);
      new PlaneScaler(preset, source, layout).write(packedFrame(layout, width, height, bytes), got);
      const [left, top] = cropPosition === "low" ? [0, 0] : [width - side, height - side];
      for (let y = 0; y < side; y++) {
        const row = rgb.subarray(((top + y) * width + left) * 3).subarray(0, side * 3);
        assert.equal([...got.subarray(y * side * 3, (y + 1) * side * 3)], [...row], `row ${y}, ${cropPosition}`);
      }
    }
  });
}

const accurate = JSON.parse(readFileSync(join(root, "test/fixtures/pixels/accurate.json"), "utf8")) as (Pick<
  Case,
  "format" | "width" | "height" | "bytes" | "rgb"
> & { kind: "area" | "bilinear" })[];

test("accurate conversion without scaling gives the bytes of FFmpeg 8's filter scale", () => {
  for (const { format, width, height, bytes, rgb, kind } of accurate) {
    const layout = layoutFor(format);
    const source = { ...cases[0], pixelFormat: format, chromaLocation: "left", rotation: 0, fieldOrder: "progressive" };
    const preset = { ...resolvePreset("shapes", { size: width }), interpolation: kind };
    const got = new Uint8Array(width * height * 3);
    const frame = packedFrame(layout, width, height, Buffer.from(bytes, "base64"));
    new PlaneScaler(preset, source, layout).write(frame, got);
    assert.equal([...got], [...Buffer.from(rgb, "base64")], `${format} ${width}x${height} ${kind}`);
  }
});

test("a plane that is too small, or a plan out of range, is refused", () => {
  const source = { ...cases[0], pixelFormat: "yuv420p", rotation: 0, fieldOrder: "progressive" };
  const layout = layoutFor("yuv420p");
  const preset = resolvePreset("x3d-xs", { size: 14 });
  const scaler = new PlaneScaler(preset, source, layout);
  const frame = packedFrame(layout, 18, 14, new Uint8Array(packedBytes(layout, 18, 14)));
  const to = new Uint8Array(14 * 14 * 3);
  scaler.write(frame, to);
  assert.throws(() => scaler.write(frame, to.subarray(1)), /target is too small/);
  const cut = [frame.planes[0], frame.planes[1].subarray(1), frame.planes[2]];
  assert.throws(() => scaler.write({ ...frame, planes: cut }, to), /smaller than its frame/);
  assert.throws(() => scaler.write({ ...frame, planes: cut.slice(0, 1) }, to), /a plane is missing/);
  assert.throws(() => scaler.write({ ...frame, strides: [17, 9, 9] }, to), /smaller than its frame/);
  assert.throws(() => scaler.write({ ...frame, strides: [-18, 9, 9] }, to), /smaller than its frame/);
  assert.throws(() => scaler.write({ ...frame, width: 2 ** 17 }, to), /out of range/);
});

test.run();
