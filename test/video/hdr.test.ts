// HDR becomes SDR: the tone curve, pictures that stay close to their originals, the same bytes from both decoders.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openVideo, resolvePreset, VideoEncoder } from "#lib/index.js";
import { compress, lightToPq, pqToLight, ToneMap } from "#lib/video/pixels/tone_map.js";
import { root } from "../../scripts/lint/syntax.js";
import { sameInBoth } from "./both_decoders.js";
import { codedPixel } from "./hdr_picture.js";
import { hasFfmpeg } from "../support/ffmpeg.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("HDR");
const folder = temporaryFolder("hdr");
const fixture = join(root, "test/fixtures/field/hdr_pq.mp4");

test("BT.2390: dark tones are unchanged, the peak becomes white, and the curve rises", () => {
  assert.ok(Math.abs(pqToLight(0.508078421517399) - 100) < 1e-6, "ST 2084's value of 100 cd/m²");
  assert.ok(Math.abs(lightToPq(pqToLight(0.7)) - 0.7) < 1e-12);
  assert.is(compress(50), 50);
  assert.ok(Math.abs(compress(1000) - 203) < 1e-6);
  for (let light = 1, before = 0; light <= 1000; light += 3) {
    const now = compress(light);
    assert.ok(now > before && now <= light);
    before = now;
  }
});

test("grey stays grey, and black and the peak become 0 and 255", () => {
  for (const transfer of ["pq", "hlg"] as const) {
    for (const primaries of ["bt2020", "smpte432", "bt709", undefined]) {
      const map = new ToneMap(transfer, primaries);
      const to = new Float64Array(3);
      for (const value of [0, 0.3, 0.5, 0.6, 0.7, 1]) {
        map.write(value, value, value, to, 0);
        const found = `${transfer} ${primaries} ${value}: ${to}`;
        assert.ok(Math.abs(to[0] - to[1]) < 0.2 && Math.abs(to[0] - to[2]) < 0.2, found);
        if (value === 0) assert.is(to[0], 0);
        if (value === 1) assert.ok(to[0] > 254.9);
      }
    }
  }
});

async function clipsOf(path: string, hdr: "tonemap" | "keep", name = "shapes") {
  const video = await openVideo(path, { preset: resolvePreset(name, { hdr }), decoder: "node-av" });
  const clips = [];
  for await (const clip of video) clips.push(clip);
  return { clips, info: video.info };
}

test("the result reports how HDR was treated", async () => {
  assert.is((await clipsOf(fixture, "tonemap")).info.hdr, "pq, tone-mapped");
  assert.is((await clipsOf(fixture, "keep")).info.hdr, "pq, kept");
  assert.is((await clipsOf(join(root, "test/fixtures/field/same64.mp4"), "tonemap")).info.hdr, undefined);
  assert.throws(() => resolvePreset("shapes", { hdr: "bright" as never }), /preset.hdr must be tonemap or keep/);
});

/** Writes the picture as SDR, PQ or HLG in 10-bit 4:4:4, with white at 203 cd/m². */
function makeHdr(kind: "sdr" | "pq" | "hlg"): string {
  const frames: Buffer[] = [];
  for (let frame = 0; frame < 8; frame++) {
    const planes = [0, 1, 2].map(() => new Uint16Array(128 * 96));
    for (let y = 0; y < 96; y++) {
      for (let x = 0; x < 128; x++) {
        const [r, g, b] = codedPixel(kind, x, y, frame);
        const [kr, kb] = kind === "sdr" ? [0.2126, 0.0722] : [0.2627, 0.0593];
        const luma = kr * r + (1 - kr - kb) * g + kb * b;
        const at = 128 * y + x;
        planes[0][at] = Math.round(64 + 876 * luma);
        planes[1][at] = Math.round(512 + (448 * (b - luma)) / (1 - kb));
        planes[2][at] = Math.round(512 + (448 * (r - luma)) / (1 - kr));
      }
    }
    frames.push(...planes.map((plane) => Buffer.from(plane.buffer)));
  }
  const path = join(folder, `${kind}.mkv`);
  const [primaries, space] = kind === "sdr" ? ["bt709", "bt709"] : ["bt2020", "bt2020nc"];
  const transfer = { sdr: "bt709", pq: "smpte2084", hlg: "arib-std-b67" }[kind];
  const tags = ["-color_primaries", primaries, "-colorspace", space, "-color_trc", transfer, "-color_range", "tv"];
  const input = ["-f", "rawvideo", "-pix_fmt", "yuv444p10le", "-s", "128x96", "-r", "8", "-i", "pipe:0"];
  const args = ["-v", "error", ...input, "-c:v", "ffv1", ...tags, path];
  const { status, stderr } = spawnSync("ffmpeg", args, { input: Buffer.concat(frames) });
  assert.is(status, 0, String(stderr));
  return path;
}

const cosine = (a: Float32Array, b: Float32Array) => {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
};

if (hasFfmpeg) {
  test("both decoders give the same bytes, with every scaler", async () => {
    for (const name of ["shapes", "x3d-xs", "s3dg", "s3dg-mmpt"]) await sameInBoth(fixture, resolvePreset(name));
    await sameInBoth(fixture, resolvePreset("x3d-xs", { hdr: "keep" }));
  });

  test("tone mapping brings PQ and HLG closer to the same picture in SDR, in pixels and features", async () => {
    using encoder = VideoEncoder.random(1, { model: "s3d-tiny" });
    const sdr = (await clipsOf(makeHdr("sdr"), "tonemap")).clips;
    const plain = await encoder.encode(sdr);
    for (const kind of ["pq", "hlg"] as const) {
      const path = makeHdr(kind);
      const away: number[] = [];
      const likeness: number[] = [];
      for (const hdr of ["tonemap", "keep"] as const) {
        const { clips } = await clipsOf(path, hdr);
        const [ours, theirs] = [clips[0].frames, sdr[0].frames];
        away.push(ours.reduce((sum, value, i) => sum + Math.abs(value - theirs[i]), 0) / ours.length);
        likeness.push(cosine((await encoder.encode(clips)).data as Float32Array, plain.data as Float32Array));
      }
      const found = `${kind}: error ${away.join(", ")}, cosine ${likeness.join(", ")}`;
      if (process.env.SHOW) console.log(found);
      assert.ok(away[0] < 15 && away[0] < 0.5 * away[1], found);
      assert.ok(1 - likeness[0] < 0.5 * (1 - likeness[1]), found);
    }
  });
} else console.log("SKIP both decoders: no ffmpeg program on the path");

test.run();
