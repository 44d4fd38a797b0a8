// Videos of phones and cameras from Debian's packages give bit-identical features with both decoders.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openVideo, resolvePreset, VideoEncoder } from "#lib/index.js";
import type { Clip, DecoderName } from "#lib/video/types.js";
import { hasFfmpeg } from "../support/ffmpeg.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("real videos");
const folder = temporaryFolder("real");

const forensics = "/usr/share/forensics-samples/original-files";
const opencv = "/usr/share/doc/opencv-doc/examples/data";
const files = [
  `${forensics}/movie1/VID_20191220_170832.mp4`,
  `${forensics}/movie2/movie-hello.mp4`,
  `${opencv}/vtest.avi`,
  `${opencv}/tree.avi`,
];

/** The file, decompressed if the package has it gzipped; undefined if the package is not installed. */
function found(path: string): string | undefined {
  if (existsSync(path)) return path;
  if (!existsSync(`${path}.gz`)) return undefined;
  const unpacked = join(folder, basename(path));
  writeFileSync(unpacked, gunzipSync(readFileSync(`${path}.gz`)));
  return unpacked;
}

test("videos are installed, or the test reports that it is skipped", () => {
  if (!hasFfmpeg) console.log("SKIP: no ffmpeg program on the path");
});

for (const file of files) {
  const path = found(file);
  if (path === undefined) console.log(`SKIP: ${file} is not installed (packages forensics-samples-files, opencv-doc)`);
  if (path === undefined || !hasFfmpeg) continue;
  for (const name of ["s3d", "s3d-kylemin", "s3dg", "s3dg-mmpt", "x3d-s", "x3d-m", "x3d-s-slowfast", "shapes"]) {
    test(`${basename(path)}, ${name}: both decoders agree`, async () => {
      const preset = resolvePreset(name);
      const clipsOf = async (decoder: DecoderName) => {
        const clips: Clip[] = [];
        for await (const clip of await openVideo(path, { preset, decoder })) {
          clips.push(clip);
          if (clips.length === 4) break;
        }
        return clips;
      };
      const [ours, theirs] = [await clipsOf("node-av"), await clipsOf("ffmpeg")];
      assert.is(ours.length, theirs.length);
      ours.forEach(({ frames, ...rest }, i) => {
        const { frames: others, ...times } = theirs[i];
        assert.equal(rest, times);
        assert.ok(Buffer.from(frames).equals(Buffer.from(others)), `clip ${i}`);
      });
      if (name !== "shapes") return;
      using encoder = VideoEncoder.random(1, { model: "s3d-tiny" });
      assert.equal((await encoder.encode(ours)).data, (await encoder.encode(theirs)).data);
    });
  }
}

test.run();
