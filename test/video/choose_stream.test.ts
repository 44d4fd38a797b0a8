// Both decoders choose the same video stream of a file, and never a cover picture.
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { VideoError } from "#lib/base/errors.js";
import { openVideo, resolvePreset, stillAt } from "#lib/index.js";
import { chooseStream } from "#lib/video/decode/choose_stream.js";
import type { DecoderName } from "#lib/video/types.js";
import { root } from "../../scripts/lint/syntax.js";
import { hasFfmpeg } from "../support/ffmpeg.js";

const test = suite("choice of a stream");
const fixture = (name: string) => join(root, "test/fixtures/field", name);
if (!hasFfmpeg) console.log("SKIP the ffmpeg decoder: no ffmpeg program on the path");
const decoders: DecoderName[] = hasFfmpeg ? ["node-av", "ffmpeg"] : ["node-av"];

const film = { isVideo: true, isAttached: false, isDefault: true, width: 64, height: 48 };
const choose = (...streams: Partial<typeof film>[]) =>
  chooseStream({ path: "a.mp4", size: 1 }, streams.map((each, index) => ({ index, ...film, ...each }))).index; // prettier-ignore

test("default streams are preferred, then the largest, then the first; covers are never chosen", () => {
  assert.is(choose({}, {}), 0);
  assert.is(choose({}, { width: 65 }), 1);
  assert.is(choose({ isDefault: false, width: 1000 }, {}), 1);
  assert.is(choose({ isVideo: false }, { isAttached: true, width: 1000 }, { isDefault: false }), 2);
  assert.throws(() => choose({ isVideo: false }), /a.mp4: has sound but no video stream/);
  assert.throws(
    () => choose({ isVideo: false }, { isAttached: true }),
    /sound and a cover picture but no video stream/,
  );
  assert.throws(() => choose(), /has no streams/);
});

for (const decoder of decoders) {
  const open = (name: string) => openVideo(fixture(name), { preset: resolvePreset("shapes"), decoder });

  test(`a cover is not a video, by ${decoder}`, async () => {
    for (const decode of [() => open("song.mp4"), () => stillAt(fixture("song.mp4"), 0, { decoder })]) {
      await decode().then(
        () => assert.unreachable("an error"),
        (error: VideoError) => {
          assert.is(error.code, "ERR_VIDEO_NO_STREAM");
          assert.match(error.message, /has sound and a cover picture but no video stream/);
        },
      );
    }
  });

  test(`a film after a cover and the larger of two films are chosen, by ${decoder}`, async () => {
    for (const [name, width] of [
      ["udtafirst.mp4", 160],
      ["dashcam.mp4", 320],
    ] as const) {
      const video = await open(name);
      let clips = 0;
      for await (const clip of video) clips += clip.frames.length > 0 ? 1 : 0;
      assert.equal([video.info.width, video.info.codec, video.info.framesDecoded, clips], [width, "h264", 20, 2]);
    }
  });
}

test.run();
