// Clips that contain broken data are omitted by both decoders, or the video ends there.
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openVideo, resolvePreset, VideoError } from "#lib/index.js";
import type { Clip, DecoderName, OnError } from "#lib/video/types.js";
import { root } from "../../scripts/lint/syntax.js";
import { hasFfmpeg } from "../support/ffmpeg.js";

const test = suite("broken frames");
const decoders: DecoderName[] = ["node-av"];
if (hasFfmpeg) decoders.push("ffmpeg");

async function read(name: string, decoder: DecoderName, onError?: OnError, frames?: number) {
  const preset = resolvePreset("shapes", frames ? { frames, stride: frames } : {});
  const video = await openVideo(join(root, "test/fixtures/field", name), { preset, decoder, onError });
  const clips: Clip[] = [];
  let error: unknown;
  try {
    for await (const clip of video) clips.push(clip);
  } catch (cause) {
    error = cause;
  }
  return { clips, info: video.info, error };
}

const indices = (clips: Clip[]) => clips.map(({ index }) => index);

for (const decoder of decoders) {
  test(`${decoder}: clips that touch the broken span are omitted, and the others are unchanged`, async () => {
    for (const [name, rest, end] of [
      ["broken_frame.mkv", [0, 1, 3, 4, 5, 6, 7, 8, 9], 10],
      ["broken_frame.mp4", [0, 1, 3], 4],
    ] as const) {
      const { clips, info, error } = await read(name, decoder);
      assert.is(error, undefined);
      assert.equal(indices(clips), rest, name);
      assert.equal(info.broken, [[2, 3]], name);
      assert.is(info.duration, end);
    }
  });

  test(`${decoder}: stop and fail end the video at the broken frame, and report where decoding ended`, async () => {
    for (const onError of ["stop", "fail"] as const) {
      const { clips, info, error } = await read("broken_frame.mkv", decoder, onError);
      assert.instance(error, VideoError);
      assert.is((error as VideoError).code, "ERR_VIDEO_CORRUPT");
      assert.equal(indices(clips), [0, 1]);
      assert.is(info.duration, 2);
    }
  });
}

test("the remaining clips are equal in both decoders", async () => {
  if (decoders.length < 2) return;
  const [ours, theirs] = await Promise.all(decoders.map((decoder) => read("broken_frame.mkv", decoder, "skip", 4)));
  assert.equal(indices(ours.clips), indices(theirs.clips));
  ours.clips.forEach(({ frames }, i) => assert.ok(Buffer.from(frames).equals(Buffer.from(theirs.clips[i].frames))));
});

test("an unknown rule is refused", async () => {
  const path = join(root, "test/fixtures/field/broken_frame.mkv");
  const open = openVideo(path, { preset: resolvePreset("shapes"), onError: "go on" as OnError });
  await open.then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, /onError: expected skip, stop or fail/),
  );
});

test.run();
