// A picture of moving discs and gradients, as SDR and as HDR, and PNG files of it.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import * as assert from "uvu/assert";
import { lightToPq } from "#lib/video/pixels/tone_map.js";

export type Coding = "sdr" | "pq" | "hlg";

/** R'G'B' of a pixel in SDR, 0 to 1, of a picture of 128x96. */
function picture(x: number, y: number, frame: number): number[] {
  const isInside = (x - 48 - 2 * frame) ** 2 + (y - 48) ** 2 < 400;
  return isInside ? [0.9, 0.2, 0.1] : [x / 128, 0.2 + y / 160, 0.8 - x / 200];
}

const hlg = (scene: number) =>
  scene <= 1 / 12 ? Math.sqrt(3 * scene) : 0.17883277 * Math.log(12 * scene - 0.28466892) + 0.55991073;

/** R'G'B' of a pixel, 0 to 1: SDR of BT.709, or PQ or HLG of BT.2020, with white at 203 cd/m². */
export function codedPixel(coding: Coding, x: number, y: number, frame: number): number[] {
  const shown = picture(x, y, frame);
  if (coding === "sdr") return shown;
  const [u, v, w] = shown.map((each) => 203 * each ** 2.4);
  const wide = [0.6274 * u + 0.3293 * v + 0.0433 * w, 0.0691 * u + 0.9195 * v + 0.0114 * w, 0.0164 * u + 0.088 * v + 0.8956 * w]; // prettier-ignore
  if (coding === "pq") return wide.map(lightToPq);
  const light = (0.2627 * wide[0] + 0.678 * wide[1] + 0.0593 * wide[2]) / 1000;
  return wide.map((each) => hlg((each / 1000) * light ** (1 / 1.2 - 1)));
}

/** The picture as 16-bit R'G'B', `[96, 128, 3]`, little-endian. */
function rgb48(coding: Coding): Buffer {
  const samples = new Uint16Array(128 * 96 * 3);
  for (let at = 0; at < 128 * 96; at++) {
    const pixel = codedPixel(coding, at % 128, Math.floor(at / 128), 0);
    pixel.forEach((value, c) => (samples[3 * at + c] = Math.round(65535 * value)));
  }
  return Buffer.from(samples.buffer);
}

/** Writes the picture as a file with the ffmpeg program, in FFmpeg's pixel format. */
export function makePictureFile(path: string, coding: Coding, format: string, more: readonly string[] = []): string {
  const input = ["-f", "rawvideo", "-pix_fmt", "rgb48le", "-s", "128x96", "-i", "pipe:0", "-frames:v", "1"];
  const args = ["-v", "error", "-y", ...input, ...more, "-pix_fmt", format, path];
  const { status, stderr } = spawnSync("ffmpeg", args, { input: rgb48(coding) });
  assert.is(status, 0, String(stderr));
  return path;
}

/** Writes the picture as a PNG in a folder; its chunk cICP names primaries and transfer. */
export function makePng(folder: string, coding: Coding, format: string, primaries = 9): string {
  const path = makePictureFile(join(folder, `${coding}-${format}-${primaries}.png`), coding, format);
  if (coding === "sdr") return path;
  const png = readFileSync(path);
  const chunk = Buffer.from("0000cICP0000crc_", "latin1");
  chunk.writeUInt32BE(4, 0);
  chunk.set([primaries, coding === "pq" ? 16 : 18, 0, 1], 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 12)), 12);
  const end = 8 + 12 + png.readUInt32BE(8); // the end of IHDR
  writeFileSync(path, Buffer.concat([png.subarray(0, end), chunk, png.subarray(end)]));
  return path;
}
