// What a file has behind its end, or does not say of its size, does not make it a cut one; a cut one is still told.
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { VideoError } from "../../dist/errors.js";
import { openVideo, resolvePreset } from "../../dist/index.js";
import type { DecoderName } from "../../dist/video/types.js";
import { makeVideo } from "../../scripts/make_samples.mjs";
import { root } from "../support/syntax.js";

const test = suite("whole files");
const folder = mkdtempSync(join(tmpdir(), "videoclip-whole-"));
test.after(() => rmSync(folder, { recursive: true }));
const hasFfmpeg = spawnSync("ffmpeg", ["-version"]).status === 0;
if (!hasFfmpeg) console.log("SKIP the ffmpeg decoder: no ffmpeg program on the path");
const decoders: DecoderName[] = hasFfmpeg ? ["node-av", "ffmpeg"] : ["node-av"];
const preset = resolvePreset("shapes");
const at = (name: string) => join(folder, name);
const fixture = (name: string) => join(root, "test/fixtures/field", name);

/** How many frames and clips a file has, its length, or the code of its error. */
async function read(path: string, decoder: DecoderName): Promise<string> {
  try {
    const video = await openVideo(path, { preset, decoder });
    let clips = 0;
    for await (const clip of video) clips += clip.frames.length > 0 ? 1 : 0;
    return `${video.info.framesDecoded} frames, ${clips} clips, ${video.info.duration.toFixed(2)} s`;
  } catch (error) {
    return (error as VideoError).code;
  }
}

const options = { preset: "ultrafast", g: "12" };
await makeVideo(at("plain.mp4"), { seconds: 2, options });
await makeVideo(at("plain.avi"), { seconds: 2 });
const plain = readFileSync(at("plain.mp4"));
const whole = "50 frames, 2 clips, 2.00 s";

const trailers: Record<string, Buffer> = {
  "a camera's trailer": Buffer.from("Insta360 trailer, 40 bytes of vendor data"),
  "random bytes": Buffer.from("8f3a91c07d2e4b5566a1f0e9d8c7b6a5", "hex"),
  "an ID3v1 tag": Buffer.concat([Buffer.from("TAG"), Buffer.alloc(125, 65)]),
  "a motion photo's marker": Buffer.from("MotionPhoto_Data\0\0\0\x18mpvd"),
  "a box that is too long": Buffer.from("\x7f\xff\xff\xfffree", "latin1"),
  zeros: Buffer.alloc(64),
};

for (const decoder of decoders) {
  for (const [name, bytes] of Object.entries(trailers)) {
    test(`${name} behind an mp4 is passed over, by ${decoder}`, async () => {
      writeFileSync(at("trailer.mp4"), Buffer.concat([plain, bytes]));
      assert.is(await read(at("trailer.mp4"), decoder), whole);
    });
  }

  test(`an mp4 that ends within its pictures or its index is cut, by ${decoder}`, async () => {
    writeFileSync(at("no_index.mp4"), plain.subarray(0, Math.floor(plain.length * 0.6)));
    assert.is(await read(at("no_index.mp4"), decoder), "ERR_VIDEO_TRUNCATED");
    await makeVideo(at("faststart.mp4"), { seconds: 2, options: { ...options, movflags: "+faststart" } });
    const fast = readFileSync(at("faststart.mp4"));
    const index = fast.indexOf("moov", 0, "latin1");
    if (index > fast.indexOf("mdat", 0, "latin1")) return; // this library moves no index
    writeFileSync(at("cut.mp4"), fast.subarray(0, Math.floor(fast.length * 0.7)));
    assert.is(await read(at("cut.mp4"), decoder), "ERR_VIDEO_TRUNCATED");
  });

  test(`a size that was not known when an AVI was written says nothing, by ${decoder}`, async () => {
    for (const size of [0xffffffff, 0]) {
      const bytes = readFileSync(at("plain.avi"));
      bytes.writeUInt32LE(size, 4);
      writeFileSync(at("pipe.avi"), bytes);
      assert.is(await read(at("pipe.avi"), decoder), whole, `size ${size}`);
    }
    assert.is(await read(fixture("pipe.avi"), decoder), "20 frames, 2 clips, 2.00 s");
    writeFileSync(at("cut.avi"), readFileSync(at("plain.avi")).subarray(0, 20000));
    assert.is(await read(at("cut.avi"), decoder), "ERR_VIDEO_TRUNCATED");
  });

  test(`a stream without a length has one at its end, by ${decoder}`, async () => {
    assert.is(await read(fixture("d.m2v"), decoder), "50 frames, 2 clips, 2.00 s");
  });

  test(`a photo is one picture whatever follows it, an animated PNG a video, by ${decoder}`, async () => {
    assert.is(await read(fixture("ultrahdr.jpg"), decoder), "1 frames, 1 clips, 0.04 s");
    copyFileSync(fixture("exif6.jpg"), at("trailer.jpg"));
    writeFileSync(at("trailer.jpg"), "vendor data", { flag: "a" });
    assert.is(await read(at("trailer.jpg"), decoder), "1 frames, 1 clips, 0.04 s");
    assert.is(await read(fixture("d.apng"), decoder), "20 frames, 2 clips, 2.00 s");
  });
}

test.run();
