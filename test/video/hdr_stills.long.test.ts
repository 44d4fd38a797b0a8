// HDR pictures, and stills of HDR videos, are tone-mapped like HDR videos, by both decoders.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openVideo, resolvePreset, stillAt } from "#lib/index.js";
import type { DecoderName } from "#lib/video/types.js";
import { root } from "../../scripts/lint/syntax.js";
import { sameInBoth } from "./both_decoders.js";
import { type Coding, makePictureFile, makePng } from "./hdr_picture.js";
import { hasFfmpeg } from "../support/ffmpeg.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("HDR stills");
const folder = temporaryFolder("hdr-stills");
const decoders: DecoderName[] = ["node-av", "ffmpeg"];

async function read(path: string, decoder: DecoderName = "node-av", hdr?: "tonemap" | "keep") {
  const video = await openVideo(path, { preset: resolvePreset("shapes", { hdr }), decoder });
  const frames: Uint8Array[] = [];
  for await (const clip of video) frames.push(clip.frames.slice(0, 64 * 64 * 3));
  return { pixels: frames[0], last: frames.at(-1)!, hdr: video.info.hdr };
}

/** The mean difference in levels. */
const apart = (a: Uint8Array, b: Uint8Array) => a.reduce((sum, value, i) => sum + Math.abs(value - b[i]), 0) / a.length;

const stillOf = async (path: string, seconds: number, decoder: DecoderName, hdr?: "tonemap" | "keep") => {
  const still = join(folder, `still-${decoder}.jpg`);
  writeFileSync(still, await stillAt(path, seconds, { width: 128, decoder, hdr }));
  return (await read(still)).pixels;
};

if (hasFfmpeg) {
  for (const [coding, format] of [
    ["pq", "rgb48be"],
    ["pq", "rgba64be"],
    ["pq", "rgb24"],
    ["hlg", "rgb48be"],
    ["hlg", "rgba"],
  ] as [Coding, string][]) {
    test(`a PNG of ${coding}, ${format}, is tone-mapped`, async () => {
      const plain = (await read(makePng(folder, "sdr", "rgb24"))).pixels;
      const path = makePng(folder, coding, format);
      const kept = await read(path, "node-av", "keep");
      assert.is(kept.hdr, `${coding}, kept`);
      for (const decoder of decoders) {
        const { pixels, hdr } = await read(path, decoder);
        assert.is(hdr, `${coding}, tone-mapped`, decoder);
        const found = [apart(pixels, plain), apart(kept.pixels, plain)];
        assert.ok(found[0] < 15 && found[0] < 0.5 * found[1], `${decoder}: ${found}`);
        const still = await stillOf(path, 0, decoder);
        assert.ok(apart(still, pixels) < 3, `still, ${decoder}: ${apart(still, pixels)}`);
        assert.ok(apart(await stillOf(path, 0, decoder, "keep"), kept.pixels) < 4);
      }
      for (const name of ["shapes", "s3dg", "x3d-xs"]) await sameInBoth(path, resolvePreset(name));
    });
  }

  test("grey PNGs of HDR are tone-mapped, with and without alpha", async () => {
    for (const format of ["gray16be", "ya16be", "gray"]) {
      const path = makePng(folder, "pq", format);
      assert.is((await read(path)).hdr, "pq, tone-mapped");
      await sameInBoth(path, resolvePreset("shapes"));
    }
  });

  test("the primaries of a PNG are used: Display P3 is not BT.2020", async () => {
    const [wide, narrower, narrow] = await Promise.all(
      [9, 12, 1].map(async (primaries) => (await read(makePng(folder, "pq", "rgb48be", primaries))).pixels),
    );
    assert.ok(apart(wide, narrower) > 2 && apart(narrower, narrow) > 2 && apart(wide, narrow) > 5);
    await sameInBoth(makePng(folder, "pq", "rgb48be", 12), resolvePreset("shapes"));
  });

  test("an AVIF of 10 bits is tone-mapped", async () => {
    const tags = ["-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc", "-color_range", "tv"]; // prettier-ignore
    const scale = ["-vf", "scale=out_color_matrix=bt2020:out_range=tv"];
    const codec = ["-c:v", "libaom-av1", "-cpu-used", "8", "-crf", "8", ...scale, ...tags];
    const path = makePictureFile(join(folder, "pq.avif"), "pq", "yuv420p10le", codec);
    const plain = (await read(makePng(folder, "sdr", "rgb24"))).pixels;
    for (const decoder of decoders) {
      const { pixels, hdr } = await read(path, decoder);
      assert.is(hdr, "pq, tone-mapped", decoder);
      assert.ok(apart(pixels, plain) < 15, `${decoder}: ${apart(pixels, plain)}`);
      assert.ok(apart(await stillOf(path, 0, decoder), pixels) < 3, decoder);
    }
    await sameInBoth(path, resolvePreset("shapes"));
  });

  test("RGB of 10 and 12 bits in videos keeps its precision", async () => {
    const tags = ["-color_primaries", "bt2020", "-color_trc", "smpte2084"];
    const deep = (await read(makePng(folder, "pq", "rgb48be"))).pixels;
    for (const format of ["gbrp10le", "gbrp12le"]) {
      const path = makePictureFile(join(folder, `${format}.mkv`), "pq", format, ["-c:v", "ffv1", ...tags]);
      await sameInBoth(path, resolvePreset("shapes"));
      const found = apart((await read(path)).pixels, deep);
      assert.ok(found < 0.5, `${format}: ${found}`);
    }
  });
}

test("stills of an HDR video equal its clips, at its start and behind its end", async () => {
  const path = join(root, "test/fixtures/field/hdr_pq.mp4");
  const { pixels, last } = await read(path);
  const kept = (await read(path, "node-av", "keep")).pixels;
  for (const decoder of hasFfmpeg ? decoders : decoders.slice(0, 1)) {
    for (const [seconds, expected] of [
      [0, pixels],
      [1000, last],
    ] as const) {
      const still = await stillOf(path, seconds, decoder);
      const found = [apart(still, expected), apart(await stillOf(path, seconds, decoder, "keep"), expected)];
      assert.ok(found[0] < 5 && found[0] < 0.3 * found[1], `${decoder} at ${seconds}: ${found}`);
    }
    assert.ok(apart(await stillOf(path, 0, decoder, "keep"), kept) < 5);
  }
  const refused = await stillAt(path, 0, { hdr: "bright" as never }).catch((error: Error) => error.message);
  assert.match(String(refused), /hdr: expected tonemap or keep/);
});

if (!hasFfmpeg) console.log("SKIP pictures of HDR: no ffmpeg program on the path");

test.run();
