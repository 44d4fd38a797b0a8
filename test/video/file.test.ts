// Bytes behind a complete video are ignored, and a truncated video is reported, by the outer structure of the file.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { InvalidArgumentError, openVideo, resolvePreset, VideoError } from "#lib/index.js";
import type { DecoderName } from "#lib/video/types.js";
import { makeVideo } from "../../scripts/make_samples.mjs";
import { root } from "../../scripts/lint/syntax.js";
import { hasFfmpeg } from "../support/ffmpeg.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("file");
const folder = temporaryFolder("file");
const decoders: DecoderName[] = ["node-av"];
if (hasFfmpeg) decoders.push("ffmpeg");
const preset = resolvePreset("shapes", { fps: 5, frames: 2, stride: 2 });

/** The number of decoded frames, clips, duration, and the code of the error. */
async function read(path: string, decoder: DecoderName) {
  let clips = 0;
  let code: string | undefined;
  let info: { framesDecoded: number; duration: number } | undefined;
  try {
    const video = await openVideo(path, { preset, decoder });
    try {
      for await (const clip of video) clips += clip.frames.length > 0 ? 1 : 0;
    } finally {
      info = video.info;
    }
  } catch (error) {
    if (!(error instanceof VideoError)) throw error;
    code = error.code;
  }
  return { frames: info?.framesDecoded, duration: info?.duration, clips, code };
}

const fixture = (name: string) => join(root, "test/fixtures/field", name);

function write(name: string, ...parts: Uint8Array[]): string {
  const path = join(folder, name);
  writeFileSync(path, Buffer.concat(parts));
  return path;
}

async function sample(name: string, options: object = {}): Promise<Buffer> {
  const path = join(folder, name);
  await makeVideo(path, { width: 64, height: 48, frames: 20, ...options });
  return readFileSync(path);
}

const tag = Buffer.concat([Buffer.from("TAG"), Buffer.alloc(125, 32)]);
const trailers: [string, Buffer][] = [
  ["vendor", Buffer.from("Insta360 trailer, 40 bytes of vendor data")],
  ["random", Buffer.from("f7c3a19b5e02d8466b9d11e7c05a3f92", "hex")],
  ["ID3v1", tag],
  ["MotionPhoto", Buffer.from("MotionPhoto_Data\0\0\0\x18mpvd and a picture")],
  ["a box that is too long", Buffer.from("\x7f\xff\xff\xfffree", "latin1")],
  ["a box that is not needed", Buffer.from("\x00\x00\x10\x00meta", "latin1")],
  ["zeros", Buffer.alloc(64)],
  ["short", Buffer.from("tail\n")],
];

/** The top-level boxes of an mp4: type, start and end. */
function boxes(bytes: Buffer): [string, number, number][] {
  const list: [string, number, number][] = [];
  for (let at = 0; at + 8 <= bytes.length; at = list[list.length - 1][2]) {
    list.push([bytes.toString("latin1", at + 4, at + 8), at, at + bytes.readUInt32BE(at)]);
  }
  return list;
}

test("bytes behind the last box of an mp4 are ignored", async () => {
  const video = await sample("base.mp4");
  for (const decoder of decoders) {
    const plain = await read(join(folder, "base.mp4"), decoder);
    assert.equal([plain.frames, plain.code], [20, undefined]);
    for (const [name, bytes] of trailers) {
      assert.equal(await read(write(`${name}.mp4`, video, bytes), decoder), plain, `${name}, ${decoder}`);
    }
  }
});

test("an mp4 that is truncated in its data, before its index or in it is reported", async () => {
  const video = await sample("base2.mp4");
  const [, mdat, end] = boxes(video).find(([type]) => type === "mdat")!;
  const [, moov, moovEnd] = boxes(video).find(([type]) => type === "moov")!;
  assert.ok(moov >= end);
  for (const size of [(mdat + end) >> 1, end, moov + 40, moovEnd - 9]) {
    const path = write(`cut-${size}.mp4`, video.subarray(0, size));
    for (const decoder of decoders) assert.is((await read(path, decoder)).code, "ERR_VIDEO_TRUNCATED", `${size}`);
  }
});

if (decoders.includes("ffmpeg")) {
  for (const [name, flags] of [
    ["faststart", "+faststart"],
    ["fragmented", "frag_keyframe+empty_moov"],
  ]) {
    test(`${name}: bytes behind the end are ignored, and a truncated file is reported`, async () => {
      await sample("base3.mp4", { options: { preset: "ultrafast", g: "5" } });
      const path = join(folder, `${name}.mp4`);
      const made = spawnSync("ffmpeg", ["-i", join(folder, "base3.mp4"), "-c", "copy", "-movflags", flags, path]);
      assert.is(made.status, 0, String(made.stderr));
      const video = readFileSync(path);
      const [, start, end] = boxes(video).findLast(([type]) => type === "mdat")!;
      for (const decoder of decoders) {
        const plain = await read(path, decoder);
        assert.equal([plain.frames, plain.code], [20, undefined]);
        for (const [kind, bytes] of trailers.slice(0, 2)) {
          assert.equal(await read(write(`${name}-${kind}.mp4`, video, bytes), decoder), plain, `${kind}, ${decoder}`);
        }
        const cut = write(`${name}-cut.mp4`, video.subarray(0, (start + end) >> 1));
        assert.is((await read(cut, decoder)).code, "ERR_VIDEO_TRUNCATED", decoder);
      }
    });
  }
}

test("bytes behind a PNG are ignored", async () => {
  for (const decoder of decoders) {
    const path = write("trailer.png", PNG, Buffer.from("Insta360 trailer, 40 bytes of vendor data"));
    assert.equal(await read(path, decoder), await read(write("plain.png", PNG), decoder), decoder);
    assert.is((await read(path, decoder)).clips, 1);
  }
});

/** A PNG of 2 x 2 grey pixels. */
const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAAAAABX3VL4AAAADklEQVR4nGNQcGBIaAAAAuYBQQgWDGAAAAAASUVORK5CYII=",
  "base64",
);

test("an AVI of unknown size, as written to a pipe, is complete; a truncated one is reported", async () => {
  const video = await sample("base.avi", { codec: "mpeg4", options: {} });
  for (const decoder of decoders) {
    const plain = await read(join(folder, "base.avi"), decoder);
    assert.equal([plain.frames, plain.code], [20, undefined]);
    for (const size of [0, 0xffffffff]) {
      const piped = Buffer.from(video);
      piped.writeUInt32LE(size, 4);
      assert.equal(await read(write(`piped-${size}.avi`, piped), decoder), plain, `${size}, ${decoder}`);
    }
    const cut = write("cut.avi", video.subarray(0, video.length * 0.6));
    assert.is((await read(cut, decoder)).code, "ERR_VIDEO_TRUNCATED", decoder);
  }
});

/** A RIFF or LIST chunk. */
function chunk(name: string, form: string, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const head = Buffer.from(`${name}0000${form}`, "latin1");
  head.writeUInt32LE(body.length + 4, 4);
  return Buffer.concat([head, body, Buffer.alloc(body.length & 1)]);
}

/** An AVI whose frames are in two RIFF chunks, as in files above a gigabyte (OpenDML). */
function inTwoChunks(avi: Buffer): Buffer {
  const lists: Buffer[] = [];
  const frames: Buffer[] = [];
  const walk = (from: number, to: number, list: Buffer[]) => {
    for (let at = from; at + 8 <= to;) {
      const end = at + 8 + avi.readUInt32LE(at + 4);
      const isMovie = avi.toString("latin1", at + 8, at + 12) === "movi";
      if (isMovie) walk(at + 12, end, frames);
      else if (avi.toString("latin1", at, at + 4) !== "idx1") list.push(avi.subarray(at, end + (end & 1)));
      at = end + (end & 1);
    }
  };
  walk(12, avi.length, lists);
  const movie = (part: Buffer[]) => chunk("LIST", "movi", ...part);
  const first = chunk("RIFF", "AVI ", ...lists, movie(frames.slice(0, 12)));
  return Buffer.concat([first, chunk("RIFF", "AVIX", movie(frames.slice(12)))]);
}

test("an AVI of several RIFF chunks is complete whatever follows, and truncated if a later chunk is", async () => {
  const avi = inTwoChunks(await sample("base4.avi", { codec: "mpeg4", options: {} }));
  const later = avi.lastIndexOf("RIFF");
  const unfinished = Buffer.from(avi);
  unfinished.writeUInt32LE(0, later + 4); // the writer never filled in the size
  for (const decoder of decoders) {
    const plain = await read(write("two.avi", avi), decoder);
    assert.equal([plain.frames, plain.code], [20, undefined], decoder);
    for (const [name, bytes] of [
      ...trailers,
      ["a WAV", chunk("RIFF", "WAVE", Buffer.alloc(40)).subarray(0, 30)],
    ] as const) {
      assert.equal(await read(write(`two-${name}.avi`, avi, bytes), decoder), plain, `${name}, ${decoder}`);
    }
    assert.equal(await read(write("unfinished.avi", unfinished), decoder), plain, decoder);
    for (const size of [avi.length - 2, avi.length - 100, later + 30, later + 9]) {
      const cut = await read(write(`two-${size}.avi`, avi.subarray(0, size)), decoder);
      assert.is(cut.code, "ERR_VIDEO_TRUNCATED", `${size} of ${avi.length}, ${decoder}`);
    }
  }
});

test("the duration of a stream without container is known at its end, even if the last clip is full before", async () => {
  await sample("raw.m2v", { codec: "mpeg2video", frames: 24, options: {} });
  for (const decoder of decoders) {
    const { duration, frames, code } = await read(join(folder, "raw.m2v"), decoder);
    assert.equal([frames, code], [24, undefined], decoder);
    assert.ok(Math.abs(duration! - 24 / 25) < 1e-6, `${decoder}: ${duration}`);
  }
});

test("an AVI from a pipe is read although its header counts frames that do not exist", async () => {
  for (const decoder of decoders) {
    const expected = { frames: 20, duration: 2, clips: 5, code: undefined };
    assert.equal(await read(fixture("pipe.avi"), decoder), expected, decoder);
  }
});

test("a photo is one picture whatever follows it, and an animated PNG plays", async () => {
  const trailer = write("trailer.jpg", readFileSync(fixture("exif6.jpg")), Buffer.from("vendor data"));
  for (const decoder of decoders) {
    for (const path of [fixture("ultrahdr.jpg"), trailer]) {
      const { frames, clips, code } = await read(path, decoder);
      assert.equal([frames, clips, code], [1, 1, undefined], `${path}, ${decoder}`);
    }
    const { frames, code } = await read(fixture("d.apng"), decoder);
    assert.equal([frames, code], [20, undefined], decoder);
  }
});

test("the name of a preset stands for the preset, and an unknown name is refused", async () => {
  const path = fixture("pipe.avi");
  const video = await openVideo(path, { preset: "shapes" });
  let clips = 0;
  for await (const clip of video) clips += clip.frames.length > 0 ? 1 : 0;
  assert.is(clips, 2);
  for (const preset of ["shape", undefined, {}]) {
    const error = await openVideo(path, { preset: preset as never }).catch((cause: unknown) => cause);
    assert.instance(error, InvalidArgumentError, String(preset));
  }
});

test.run();
