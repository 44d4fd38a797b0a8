// Pictures beyond a limit of pixels are refused before memory is taken for them.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { crc32, createDeflate } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readPictureSize } from "#lib/video/pixels/picture_size.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("video: memory of large pictures");
const root = temporaryFolder("limit-memory");
const child = fileURLToPath(new URL("limit_memory_child.ts", import.meta.url));
const [width, height] = [12_000, 7000];

/** `size` zeros, deflated in pieces. */
async function zeros(size: number): Promise<Buffer> {
  const deflate = createDeflate({ level: 1 });
  const parts: Buffer[] = [];
  deflate.on("data", (part: Buffer) => parts.push(part));
  const piece = Buffer.alloc(1 << 20);
  for (let left = size; left > 0; left -= piece.length) {
    const written = deflate.write(piece.subarray(0, Math.min(left, piece.length)));
    if (!written) await new Promise((done) => deflate.once("drain", done));
  }
  const ended = new Promise((done) => deflate.once("end", done));
  deflate.end();
  await ended;
  return Buffer.concat(parts);
}

function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, sum]);
}

const numbers = (...values: number[]) => {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => bytes.writeUInt32BE(value, 4 * i));
  return bytes;
};

test("a small file with a large picture is refused in little memory, also where it is an animation", async () => {
  const pixels = chunk("IDAT", await zeros((1 + 8 * width) * height)); // RGBA of 16 bits
  assert.ok(pixels.length < 8 << 20, String(pixels.length));
  const header = chunk("IHDR", Buffer.concat([numbers(width, height), Buffer.from([16, 6, 0, 0, 0])]));
  const animation = [
    chunk("acTL", numbers(1, 0)),
    chunk("fcTL", Buffer.concat([numbers(0, width, height, 0, 0), Buffer.from([0, 1, 0, 25, 0, 0])])),
  ];
  for (const [name, more] of Object.entries({ "still.png": [], "animated.png": animation })) {
    const path = join(root, name);
    const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
    writeFileSync(path, Buffer.concat([signature, header, ...more, pixels, chunk("IEND", Buffer.alloc(0))]));
    const run = spawnSync(process.execPath, ["--import", "tsx", child, path, "40000000"], { encoding: "utf8" });
    assert.is(run.status, 0, run.stderr);
    const { said, peak } = JSON.parse(run.stdout) as { said: string; peak: number };
    assert.match(said, /12000 x 7000 pixels is larger than the limit of 40000000$/, name);
    assert.ok(peak < 400, `${name}: ${peak} MB`);
  }
});

test("the size stands in the headers of JPEG and WebP", async () => {
  const sizeOf = (format: "jpeg_pipe" | "webp_pipe", bytes: Buffer) =>
    readPictureSize(format, async (at, length) => bytes.subarray(at, at + length));
  const tables = [0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xff, 0xc4, 0, 5, 1, 2, 3];
  const frame = [0xff, 0xc2, 0, 11, 8, 0x01, 0x02, 0x03, 0x04, 1, 1, 0x11, 0];
  const scan = [0xff, 0xda, 0, 8, 0, 0, 0, 0, 0, 0];
  assert.equal(await sizeOf("jpeg_pipe", Buffer.from([...tables, ...frame, ...scan])), { width: 0x304, height: 0x102 });
  assert.is(await sizeOf("jpeg_pipe", Buffer.from([...tables, ...scan])), undefined);
  const webp = (...parts: [type: string, bytes: number[]][]) =>
    Buffer.concat([
      Buffer.from("RIFF\0\0\0\0WEBP", "latin1"),
      ...parts.map(([type, bytes]) => Buffer.from([...Buffer.from(type), bytes.length, 0, 0, 0, ...bytes])),
    ]);
  const canvas: [string, number[]] = ["VP8X", [0, 0, 0, 0, 99, 0, 0, 49, 0, 0]];
  assert.equal(await sizeOf("webp_pipe", webp(canvas)), { width: 100, height: 50 });
  const lossy: [string, number[]] = ["VP8 ", [0, 0, 0, 0x9d, 0x01, 0x2a, 0x2c, 0x41, 0xc8, 0x00]];
  assert.equal(await sizeOf("webp_pipe", webp(canvas, lossy)), { width: 300, height: 200 });
  const lossless: [string, number[]] = ["VP8L", [0x2f, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0, 0]];
  assert.equal(await sizeOf("webp_pipe", webp(lossless)), { width: 16384, height: 16384 });
});

test.run();
