// Animated WebP, AVIF and HEIC are decoded if FFmpeg supports them; otherwise the error names the format.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { VideoError } from "#lib/base/errors.js";
import { openVideo, resolvePreset, stillAt } from "#lib/index.js";
import type { DecoderName } from "#lib/video/types.js";
import { root } from "../../scripts/lint/syntax.js";
import { hasFfmpeg } from "../support/ffmpeg.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("other pictures");
const folder = temporaryFolder("pictures");
const fixture = (name: string) => join(root, "test/fixtures/field", name);
if (!hasFfmpeg) console.log("SKIP the ffmpeg decoder: no ffmpeg program on the path");
const decoders: DecoderName[] = hasFfmpeg ? ["node-av", "ffmpeg"] : ["node-av"];
const preset = resolvePreset("shapes");

/** The numbers of frames and clips of a file, or the error. */
async function read(path: string, decoder: DecoderName): Promise<string> {
  try {
    const video = await openVideo(path, { preset, decoder });
    let clips = 0;
    for await (const clip of video) clips += clip.frames.length > 0 ? 1 : 0;
    return `${video.info.framesDecoded} frames, ${clips} clips`;
  } catch (error) {
    return `${(error as VideoError).code}: ${(error as Error).message.slice(path.length + 2)}`;
  }
}

for (const decoder of decoders) {
  test(`an animated WebP plays or the error names it, by ${decoder}`, async () => {
    const path = fixture("anim.webp");
    const found = await read(path, decoder);
    const named =
      "ERR_VIDEO_FORMAT: is an animated WebP, which this version of FFmpeg does not decode: convert it to GIF or MP4";
    assert.ok([named, "12 frames, 2 clips"].includes(found), found);
    if (found !== named) return;
    let error: VideoError | undefined;
    await stillAt(path, 0, { decoder }).catch((cause: VideoError) => (error = cause));
    assert.is(`${error?.code}: ${error?.message.slice(path.length + 2)}`, named);
  });

  test(`an AVIF picture is one frame, and a truncated one is reported, by ${decoder}`, async () => {
    assert.is(await read(fixture("a.avif"), decoder), "1 frames, 1 clips");
    const cut = join(folder, "cut.avif");
    writeFileSync(cut, readFileSync(fixture("a.avif")).subarray(0, 380));
    assert.match(await read(cut, decoder), /^ERR_VIDEO_TRUNCATED: /);
  });

  test(`the error for a HEIC picture that cannot be decoded names it, by ${decoder}`, async () => {
    const bytes = readFileSync(fixture("a.avif"));
    bytes.write("heic", 8, "latin1");
    bytes.write("xxxx", bytes.indexOf("av01"), "latin1"); // an item type that is unknown to every decoder
    const path = join(folder, "IMG_0003.HEIC");
    writeFileSync(path, bytes);
    const reason = "is a HEIC picture, which this version of FFmpeg does not decode: convert it to JPEG or PNG";
    assert.is(await read(path, decoder), `ERR_VIDEO_FORMAT: ${reason}`);
  });
}

test.run();
