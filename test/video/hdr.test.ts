// HDR becomes SDR: the curve, pictures that come back near those they were made of, the same bytes from both decoders.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openVideo, resolvePreset, VideoEncoder } from "../../dist/index.js";
import { compress, lightToPq, pqToLight, ToneMap } from "../../dist/video/pixels/tone_map.js";
import { root } from "../../scripts/lint/syntax.js";
import { sameInBoth } from "./both_decoders.js";

const test = suite("HDR");
const folder = mkdtempSync(join(tmpdir(), "videoclip-hdr-"));
test.after(() => rmSync(folder, { recursive: true }));
const hasFfmpeg = spawnSync("ffmpeg", ["-version"]).status === 0;
const fixture = join(root, "test/fixtures/field/hdr_pq.mp4");

test("BT.2390: dark tones stay, the peak becomes white, values rise", () => {
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

test("grey stays grey; black and the peak become 0 and 255", () => {
  for (const transfer of ["pq", "hlg"] as const) {
    const map = new ToneMap(transfer, true);
    const to = new Float64Array(3);
    for (const value of [0, 0.3, 0.5, 0.6, 0.7, 1]) {
      map.write(value, value, value, to, 0);
      assert.ok(Math.abs(to[0] - to[1]) < 0.2 && Math.abs(to[0] - to[2]) < 0.2, `${transfer} ${value}: ${to}`);
      if (value === 0) assert.is(to[0], 0);
      if (value === 1) assert.ok(to[0] > 254.9);
    }
  }
});

async function clipsOf(path: string, hdr: "tonemap" | "keep", name = "shapes") {
  const video = await openVideo(path, { preset: resolvePreset(name, { hdr }), decoder: "node-av" });
  const clips = [];
  for await (const clip of video) clips.push(clip);
  return { clips, info: video.info };
}

test("what became of HDR is noted", async () => {
  assert.is((await clipsOf(fixture, "tonemap")).info.hdr, "pq, tone-mapped");
  assert.is((await clipsOf(fixture, "keep")).info.hdr, "pq, kept");
  assert.is((await clipsOf(join(root, "test/fixtures/field/same64.mp4"), "tonemap")).info.hdr, undefined);
  assert.throws(() => resolvePreset("shapes", { hdr: "bright" as never }), /preset.hdr must be tonemap or keep/);
});

/** R'G'B' of a test picture, 0 to 1: discs and gradients that move. */
function picture(x: number, y: number, frame: number): number[] {
  const isInside = (x - 48 - 2 * frame) ** 2 + (y - 48) ** 2 < 400;
  return isInside ? [0.9, 0.2, 0.1] : [x / 128, 0.2 + y / 160, 0.8 - x / 200];
}

const hlg = (scene: number) =>
  scene <= 1 / 12 ? Math.sqrt(3 * scene) : 0.17883277 * Math.log(12 * scene - 0.28466892) + 0.55991073;

/** 10-bit 4:4:4 of the picture as SDR, PQ or HLG, whose white is 203 cd/m². */
function makeHdr(kind: "sdr" | "pq" | "hlg"): string {
  const frames: Buffer[] = [];
  for (let frame = 0; frame < 8; frame++) {
    const planes = [0, 1, 2].map(() => new Uint16Array(128 * 96));
    for (let y = 0; y < 96; y++) {
      for (let x = 0; x < 128; x++) {
        let [r, g, b] = picture(x, y, frame);
        let [kr, kb] = [0.2126, 0.0722];
        if (kind !== "sdr") {
          [kr, kb] = [0.2627, 0.0593];
          const [u, v, w] = [r, g, b].map((each) => 203 * each ** 2.4);
          const wide = [0.6274 * u + 0.3293 * v + 0.0433 * w, 0.0691 * u + 0.9195 * v + 0.0114 * w, 0.0164 * u + 0.088 * v + 0.8956 * w]; // prettier-ignore
          if (kind === "pq") [r, g, b] = wide.map(lightToPq);
          else {
            const shown = (0.2627 * wide[0] + 0.678 * wide[1] + 0.0593 * wide[2]) / 1000;
            [r, g, b] = wide.map((each) => hlg((each / 1000) * shown ** (1 / 1.2 - 1)));
          }
        }
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

  test("PQ and HLG come nearer to the same picture in SDR, in pixels and features", async () => {
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
