// Clips in reused memory are equal to clips in newly allocated memory.
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DisposedError, OutOfMemoryError } from "#lib/base/errors.js";
import { ClipMemory, clipBytes } from "#lib/video/clips/clip_memory.js";
import { decodeVideo, openVideo } from "#lib/video/index.js";
import { resolvePreset } from "#lib/video/presets.js";
import { ClipAssembler } from "#lib/video/clips/clip_assembler.js";
import type { Clip, DecoderName } from "#lib/video/types.js";
import { makeVideo } from "../../scripts/make_samples.mjs";
import { hasFfmpeg } from "../support/ffmpeg.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("clip memory");
const folder = temporaryFolder("memory");
const base = { fps: 5, crop: 2 };

/** The clips of frames filled with 1, 2, ...; each frame is repeated `copies` times. */
function assemble(
  frames: number,
  stride: number,
  pad: "zero" | "repeat",
  copies: readonly number[],
  take?: () => Uint8Array,
): Clip[] {
  const clips = new ClipAssembler({ ...base, frames, stride, pad }, take);
  const found: Clip[] = [];
  const keep = (clip: Clip) => {
    found.push({ ...clip, frames: clip.frames.slice() });
    clip.frames.fill(255); // the receiver may overwrite it
  };
  copies.forEach((count, i) => {
    if (!clips.needs(count)) clips.skip(count);
    else for (const clip of clips.push((to) => to.fill(i + 1), count)) keep(clip);
  });
  const last = clips.finish();
  if (last) keep(last);
  return found;
}

for (const pad of ["zero", "repeat"] as const) {
  for (const [frames, stride] of [
    [4, 4],
    [4, 1],
    [4, 3],
    [2, 5],
    [1, 1],
  ]) {
    test(`${frames} frames every ${stride}, ${pad}: earlier content of the memory does not matter`, () => {
      const copies = [1, 3, 1, 1, 9, 2, 1];
      const bytes = frames * 12;
      const dirty = assemble(frames, stride, pad, copies, () => new Uint8Array(bytes).fill(77));
      assert.equal(dirty, assemble(frames, stride, pad, copies));
      // frame k is the value of the k-th copy
      const values = copies.flatMap((count, i) => Array.from({ length: count }, () => i + 1));
      for (const { index, frames: pixels, paddedFrames } of dirty) {
        const taken = values.slice(index * stride, index * stride + frames);
        const fill = pad === "zero" ? 0 : taken.at(-1)!;
        const expected = [...taken, ...Array.from({ length: paddedFrames }, () => fill)];
        assert.equal(
          [...pixels],
          expected.flatMap((value) => Array.from({ length: 12 }, () => value)),
        );
      }
    });
  }
}

for (const decoder of ["node-av", "ffmpeg"] as DecoderName[]) {
  if (decoder === "ffmpeg" && !hasFfmpeg) {
    console.log("SKIP: no ffmpeg program on the path");
    continue;
  }
  for (const stride of [4, 3, 9]) {
    test(`${decoder}, a clip every ${stride} frames: clips in reused memory are the same`, async () => {
      const path = join(folder, `${decoder}-${stride}.mp4`);
      await makeVideo(path, { seconds: 4, width: 64, height: 48, rate: 10, seed: stride });
      const preset = resolvePreset("s3dg", { frames: 4, stride, size: 32, fps: 8 });
      const expected: Clip[] = [];
      for await (const clip of await openVideo(path, { preset, decoder })) {
        assert.instance(clip.frames.buffer, ArrayBuffer);
        expected.push(clip);
      }
      const memory = new ClipMemory(clipBytes(preset));
      const used = new Set<ArrayBufferLike>();
      let count = 0;
      for await (const clip of await decodeVideo(path, { preset, decoder, memory })) {
        assert.equal({ ...clip, frames: [] }, { ...expected[count], frames: [] });
        assert.equal(clip.frames.slice(), expected[count].frames);
        count++;
        used.add(clip.frames.buffer);
        memory.give(clip.frames.fill(99));
      }
      assert.is(count, expected.length);
      assert.ok(used.size < count || count < 5, `${used.size} buffers for ${count} clips`);
    });
  }
}

test("the memory of an abandoned video is returned after its decoder has ended", async () => {
  const path = join(folder, "left.mp4");
  await makeVideo(path, { seconds: 4, width: 64, height: 48, rate: 10 });
  const preset = resolvePreset("s3dg", { frames: 4, size: 32, fps: 8 });
  const memory = new ClipMemory(clipBytes(preset));
  let taken = 0;
  const take = memory.take.bind(memory);
  const given = new Set<ArrayBufferLike>();
  memory.take = () => {
    taken++;
    const frames = take();
    given.add(frames.buffer);
    return frames;
  };
  const video = await decodeVideo(path, { preset, decoder: "node-av", memory });
  for await (const clip of video) {
    memory.give(clip.frames);
    break;
  }
  await video.close();
  const before = given.size;
  assert.ok(taken >= 3);
  for (let i = 0; i < before; i++) memory.take();
  assert.is(given.size, before, "all of the memory was free again");
});

/** A device that records what is pinned and fails after `most` buffers. */
function pinning(most: number, error: Error) {
  const pinned = new Set<ArrayBufferLike>();
  return {
    pinned,
    pin(buffer: ArrayBufferLike) {
      if (pinned.size === most) throw error;
      pinned.add(buffer);
    },
    unpin: (buffer: ArrayBufferLike) => void assert.ok(pinned.delete(buffer), "unpins what was pinned"),
  };
}

test("memory is pinned once, when it is made, and unpinned by close", () => {
  const device = pinning(9, new Error("too many"));
  const memory = new ClipMemory(12, device);
  const [first, second] = [memory.take(), memory.take()];
  memory.give(first);
  assert.is(memory.take(), first, "pinned memory is used again");
  assert.equal(device.pinned, new Set([first.buffer, second.buffer]));
  memory.close();
  memory.close();
  assert.is(device.pinned.size, 0);
  assert.is(memory.take().length, 12, "a decoder that has not ended gets memory that is not pinned");
  assert.is(device.pinned.size, 0);
});

test("memory that cannot be pinned is given unpinned, with one warning", async () => {
  const warnings: (Error & { code?: string })[] = [];
  const hear = (warning: Error) => warnings.push(warning);
  process.on("warning", hear);
  for (const [error, expected] of [
    [new OutOfMemoryError("The device has too little memory for this"), 1],
    [new DisposedError("This device"), 0], // the next run says so
  ] as const) {
    const device = pinning(2, error);
    const memory = new ClipMemory(12, device);
    const taken = new Set(Array.from({ length: 5 }, () => memory.take().buffer));
    assert.is(taken.size, 5);
    assert.is(device.pinned.size, 2);
    memory.close();
    assert.is(device.pinned.size, 0);
    await new Promise(setImmediate);
    const heard = warnings.splice(0);
    assert.is(heard.length, expected);
    for (const { code, message } of heard) {
      assert.is(code, "VIDEOCLIP_NOT_PINNED");
      assert.match(message, /too little memory/);
    }
  }
  process.off("warning", hear);
  const wrong = new TypeError("a fault of the code");
  assert.throws(() => new ClipMemory(12, pinning(0, wrong)).take(), (error: unknown) => error === wrong); // prettier-ignore
});

test.run();
