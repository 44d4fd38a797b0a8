// Files that would show other files, and pictures beyond a limit of pixels, are refused by both decoders.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { VideoError } from "#lib/base/errors.js";
import { decodeVideo } from "#lib/video/index.js";
import { resolvePreset } from "#lib/video/presets.js";
import { stillAt } from "#lib/video/stills/still.js";
import { makeVideo } from "../../scripts/make_samples.mjs";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("video: limits");
const root = temporaryFolder("limits");
const secret = join(root, "secret.mp4");
const preset = resolvePreset("shapes");

test.before(() => makeVideo(secret, { width: 320, height: 240, seconds: 2, rate: 10 }));

const hasFfmpeg = ["ffmpeg", "ffprobe"].every((program) => spawnSync(program, ["-version"]).status === 0);
if (!hasFfmpeg) process.stdout.write("SKIP limits by ffmpeg: no programs ffmpeg and ffprobe on the path\n");
const decoders = hasFfmpeg ? (["node-av", "ffmpeg"] as const) : (["node-av"] as const);

/** Decodes a file wholly. @returns the number of clips */
async function clipsOf(path: string, options: { decoder: "node-av" | "ffmpeg"; maxPixels?: number }): Promise<number> {
  let clips = 0;
  for await (const _ of await decodeVideo(path, { preset, ...options })) clips++;
  return clips;
}

/** @throws unless the promise fails with a VideoError that says this */
async function isRefused(promise: Promise<unknown>, message: RegExp, label: string): Promise<void> {
  const error = await promise.then(() => undefined, (cause: unknown) => cause); // prettier-ignore
  assert.instance(error, VideoError, label);
  assert.match((error as VideoError).message, message, label);
}

for (const decoder of decoders) {
  test(`a list of files that is named like a video shows none of them, by ${decoder}`, async () => {
    // a byte that no text has: text files are refused before any decoder
    const lists = {
      "hls.mp4": `#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n${secret}\n#EXT-X-ENDLIST\n\0`,
      "concat.mp4": `ffconcat version 1.0\nfile '${secret}'\n#\0\n`,
    };
    for (const [name, content] of Object.entries(lists)) {
      writeFileSync(join(root, name), content);
      const message = /is a list of other files|is not a video or image/;
      await isRefused(stillAt(join(root, name), 0, { decoder }), message, name);
      await isRefused(clipsOf(join(root, name), { decoder }), message, name);
    }
  });

  test(`pictures of more pixels than the limit are not decoded, by ${decoder}`, async () => {
    assert.is(await clipsOf(secret, { decoder, maxPixels: 320 * 240 }), 2);
    assert.ok((await stillAt(secret, 0, { decoder, maxPixels: 320 * 240 })).length > 100);
    const message = /320 x 240 pixels is larger than the limit of 76799$/;
    await isRefused(clipsOf(secret, { decoder, maxPixels: 320 * 240 - 1 }), message, "clips");
    await isRefused(stillAt(secret, 0, { decoder, maxPixels: 320 * 240 - 1 }), message, "still");
  });
}

test.run();
