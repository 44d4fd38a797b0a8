// Pictures and videos are rotated and mirrored as in players and viewers: display matrices, EXIF, both decoders.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openVideo, resolvePreset, stillAt } from "#lib/index.js";
import { readPictureFacts } from "#lib/video/pixels/exif.js";
import { exifOrientation, matrixOrientation, printedOrientation } from "#lib/video/pixels/orientation.js";
import type { DecoderName } from "#lib/video/types.js";
import { root } from "../../scripts/lint/syntax.js";
import { hasFfmpeg } from "../support/ffmpeg.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("orientation");
const folder = temporaryFolder("orientation");
const fixture = (name: string) => readFileSync(join(root, "test/fixtures/field", name));
if (!hasFfmpeg) console.log("SKIP the ffmpeg decoder: no ffmpeg program on the path");
const decoders: DecoderName[] = hasFfmpeg ? ["node-av", "ffmpeg"] : ["node-av"];
const side = 120;
const preset = resolvePreset("x3d-xs", { frames: 1, size: side });

/** The stored position of the pixel that is displayed at (x, y) of the square, by EXIF value. */
const last = side - 1;
const stored: Record<number, (x: number, y: number) => [number, number]> = {
  1: (x, y) => [x, y],
  2: (x, y) => [last - x, y],
  3: (x, y) => [last - x, last - y],
  4: (x, y) => [x, last - y],
  5: (x, y) => [y, x],
  6: (x, y) => [y, last - x],
  7: (x, y) => [last - y, last - x],
  8: (x, y) => [last - y, x],
};
/** The same as display matrices: a, b, c, d. */
const matrices: Record<number, number[]> = {
  1: [1, 0, 0, 1],
  2: [-1, 0, 0, 1],
  3: [-1, 0, 0, -1],
  4: [1, 0, 0, -1],
  5: [0, 1, 1, 0],
  6: [0, 1, -1, 0],
  7: [0, -1, -1, 0],
  8: [0, -1, 1, 0],
};

async function firstFrame(path: string, decoder: DecoderName) {
  const video = await openVideo(path, { preset, decoder });
  let first: Uint8Array | undefined;
  for await (const { frames } of video) first ??= frames;
  assert.ok(first);
  return { frames: first as Uint8Array, info: video.info };
}

function shown(plain: Uint8Array, value: number): Uint8Array {
  const out = new Uint8Array(plain.length);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const [u, v] = stored[value](x, y);
      out.set(plain.subarray((v * side + u) * 3, (v * side + u + 1) * 3), (y * side + x) * 3);
    }
  }
  return out;
}

function withMatrix(value: number): string {
  const bytes = fixture("hflip.mp4");
  const at = bytes.indexOf("tkhd") + 44;
  const [a, b, c, d] = matrices[value];
  [a, b, 0, c, d].forEach((entry, i) => bytes.writeInt32BE(entry * 65536, at + 4 * i));
  const path = join(folder, `matrix-${value}.mp4`);
  writeFileSync(path, bytes);
  return path;
}

function withExif(value: number): string {
  const bytes = fixture("exif6.jpg");
  const entry = bytes.indexOf(Buffer.from("011200030000000100", "hex"));
  assert.ok(entry > 0);
  bytes.writeUInt16BE(value, entry + 8);
  const path = join(folder, `exif-${value}.jpg`);
  writeFileSync(path, bytes);
  return path;
}

for (const decoder of decoders) {
  for (const [name, make] of [
    ["display matrices", withMatrix],
    ["EXIF", withExif],
  ] as const) {
    test(`the eight orientations of ${name} are applied, by ${decoder}`, async () => {
      const { frames: plain } = await firstFrame(make(1), decoder);
      for (let value = 2; value <= 8; value++) {
        const { frames, info } = await firstFrame(make(value), decoder);
        assert.ok(Buffer.from(frames).equals(Buffer.from(shown(plain, value))), `orientation ${value}`);
        assert.equal({ rotation: info.rotation, mirrored: info.mirrored }, exifOrientation(value));
      }
    });

    test(`stills follow ${name}, by ${decoder}`, async () => {
      const picture = async (path: string) => {
        const still = join(folder, "still.jpg");
        writeFileSync(still, await stillAt(path, 0, { decoder, width: 160 }));
        return (await firstFrame(still, "node-av")).frames;
      };
      const plain = await picture(make(1));
      for (const value of [2, 4]) {
        const expected = shown(plain, value);
        const got = await picture(make(value));
        const away = got.reduce((sum, each, i) => sum + Math.abs(each - expected[i]), 0) / got.length;
        assert.ok(away < 6, `orientation ${value}: ${away}`);
      }
    });
  }
}

test("matrices and the numbers that ffprobe prints for them give the same orientation", () => {
  for (let value = 1; value <= 8; value++) {
    const [a, b, c, d] = matrices[value];
    assert.equal(matrixOrientation(a, b, c, d), exifOrientation(value));
    const text = `\n00000000: ${a * 65536} ${b * 65536} 0\n00000001: ${c * 65536} ${d * 65536} 0\n00000002: 0 0 1073741824\n`;
    assert.equal(printedOrientation(text), exifOrientation(value));
  }
  assert.equal(printedOrientation(undefined), exifOrientation(1));
  assert.equal(exifOrientation(9), exifOrientation(1));
});

/** A TIFF block with the tag Orientation after another tag. */
function tiff(value: number, isLittle: boolean): Buffer {
  const block = Buffer.alloc(38);
  block.write(isLittle ? "II*\0" : "MM\0*", "latin1");
  const u16 = (n: number, at: number) => (isLittle ? block.writeUInt16LE(n, at) : block.writeUInt16BE(n, at));
  const u32 = (n: number, at: number) => (isLittle ? block.writeUInt32LE(n, at) : block.writeUInt32BE(n, at));
  u32(8, 4);
  u16(2, 8);
  [0x010f, 2, 0, 0x0112, 3, 0].forEach((n, i) => u16(n, 10 + 12 * Math.floor(i / 3) + 2 * (i % 3)));
  u32(1, 26);
  u16(value, 30);
  return block;
}

const chunk = (type: string, bytes: Buffer, isLittle: boolean) => {
  const length = Buffer.alloc(4);
  if (isLittle) length.writeUInt32LE(bytes.length);
  else length.writeUInt32BE(bytes.length);
  const name = Buffer.from(type, "latin1");
  return isLittle ? Buffer.concat([name, length, bytes]) : Buffer.concat([length, name, bytes, Buffer.alloc(4)]);
};

test("EXIF blocks of PNG, WebP and JPEG are found anywhere in the file, and damaged blocks are ignored", async () => {
  const factsOf = (format: "jpeg_pipe" | "png_pipe" | "webp_pipe", bytes: Buffer) =>
    readPictureFacts(format, (at, length) => Promise.resolve(bytes.subarray(at, at + length)));
  for (const isLittle of [true, false]) {
    const block = tiff(7, isLittle);
    const header = Buffer.alloc(8);
    const png = Buffer.concat([
      header,
      chunk("IHDR", Buffer.alloc(13), false),
      chunk("IDAT", Buffer.alloc(9000), false),
    ]);
    assert.is((await factsOf("png_pipe", Buffer.concat([png, chunk("eXIf", block, false)]))).orientation, 7);
    const flags = Buffer.alloc(10);
    flags[0] = 0x08 | 0x02;
    const webp = Buffer.concat([Buffer.alloc(12), chunk("VP8X", flags, true), chunk("VP8 ", Buffer.alloc(8), true)]);
    for (const prefix of ["", "Exif\0\0"]) {
      const exif = chunk("EXIF", Buffer.concat([Buffer.from(prefix, "latin1"), block]), true);
      assert.equal(await factsOf("webp_pipe", Buffer.concat([webp, exif])), { orientation: 7, isAnimated: true });
    }
    const segment = (marker: number, bytes: Buffer) => {
      const head = Buffer.from([0xff, marker, 0, 0]);
      head.writeUInt16BE(bytes.length + 2, 2);
      return Buffer.concat([head, bytes]);
    };
    const exif = Buffer.concat([Buffer.from("Exif\0\0", "latin1"), block]);
    const parts = [Buffer.from([0xff, 0xd8]), segment(0xe2, Buffer.alloc(6000)), segment(0xe1, exif)];
    const jpeg = Buffer.concat([...parts, Buffer.from([0xff, 0xda, 0, 2])]);
    assert.is((await factsOf("jpeg_pipe", jpeg)).orientation, 7);
    for (let length = 0; length < jpeg.length; length += length < 6000 ? 997 : 1) {
      const { orientation } = await factsOf("jpeg_pipe", jpeg.subarray(0, length));
      assert.ok(orientation === 1 || orientation === 7);
    }
    const wrong = tiff(9, isLittle);
    assert.is((await factsOf("png_pipe", Buffer.concat([png, chunk("eXIf", wrong, false)]))).orientation, 1);
  }
});

test.run();
