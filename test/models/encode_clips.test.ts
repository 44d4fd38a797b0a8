// Clips become rows: batches, order, waiting, and the end of the iteration.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type ClipEncoder, type ClipReading, encodeClips } from "#lib/models/encode_clips.js";
import { resolvePreset } from "#lib/video/presets.js";
import type { Clip } from "#lib/video/types.js";
import { rejection } from "../support/errors.js";

const test = suite("encode clips");
const preset = resolvePreset("x3d-xs", { frames: 1, size: 2 });
const BATCH = 3;

interface Item {
  name: string;
  clip?: Clip;
}

/** A clip whose bytes are `value`, in the given memory. */
function clipOf(value: number, { memory }: ClipReading): Clip {
  return { index: value, start: value, end: value + 1, frames: memory.take().fill(value), paddedFrames: 0 };
}

/**
 * An encoder that records its batches; a row is the first byte of its clip, and 1. Batches wait until `let` is called.
 */
function encoderOf({ wait = false } = {}) {
  const batches: number[][] = [];
  const waiting: (() => void)[] = [];
  const encoder: ClipEncoder = {
    preset,
    batch: BATCH,
    dim: 2,
    async encode(clips, { signal } = {}) {
      batches.push(clips.map((clip) => clip[0]));
      if (wait) {
        await new Promise<void>((resolve, reject) => {
          waiting.push(resolve);
          signal?.addEventListener("abort", () => reject(signal.reason as Error));
        });
      }
      return { data: Float32Array.from(clips.flatMap((clip) => [clip[0], 1])), shape: [clips.length, 2] };
    },
  };
  return { encoder, batches, let: () => waiting.shift()?.() };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 5));
test("clips are encoded in full batches, and all events are in order", async () => {
  const { encoder, batches } = encoderOf();
  const source = async function* (reading: ClipReading): AsyncGenerator<Item> {
    yield { name: "open" };
    for (let i = 0; i < 7; i++) {
      await Promise.resolve();
      yield { name: "clip", clip: clipOf(i, reading) };
      if (i === 3) yield { name: "end" };
    }
    yield { name: "end" };
  };
  const seen: (string | number[])[] = [];
  for await (const item of encodeClips(source, encoder)) {
    if ("row" in item) {
      const { clip, row } = item as unknown as { clip: Clip; row: Float32Array };
      assert.is(clip.frames[0], row[0], "its frames are not overwritten yet");
      seen.push([...row]);
    } else seen.push(item.name);
  }
  assert.equal(batches, [
    [0, 1, 2],
    [3, 4, 5],
    [6],
  ]); // prettier-ignore
  assert.equal(seen, ["open", [0, 1], [1, 1], [2, 1], [3, 1], "end", [4, 1], [5, 1], [6, 1], "end"]);
});

test("the memory of clips is reused, and no more is allocated than is in use", async () => {
  const { encoder } = encoderOf();
  const used = new Set<ArrayBufferLike>();
  let seen = 0;
  const source = async function* (reading: ClipReading): AsyncGenerator<Item> {
    for (let i = 0; i < 100; i++) {
      const clip = clipOf(i, reading);
      used.add(clip.frames.buffer);
      await Promise.resolve();
      yield { name: "clip", clip };
    }
  };
  for await (const _ of encodeClips(source, encoder)) seen++;
  assert.is(seen, 100);
  assert.ok(used.size <= 4 * BATCH, `${used.size} buffers`);
});

test("the error of an encoder is the one to report, also if its device does not give memory back", async () => {
  const { encoder } = encoderOf();
  const refuse = (reason: string) => () => {
    throw new Error(reason);
  };
  const device = { pin: () => {}, unpin: refuse("the memory is in use") };
  const source = async function* (reading: ClipReading): AsyncGenerator<Item> {
    yield await Promise.resolve({ name: "clip", clip: clipOf(1, reading) });
  };
  const lost = encodeClips(source, { ...encoder, device, encode: async () => refuse("the device is lost")() });
  assert.is((await rejection<Error>(lost.next())).message, "the device is lost");
  const whole = encodeClips(source, { ...encoder, device });
  await whole.next();
  assert.is((await rejection<Error>(whole.next())).message, "the memory is in use");
});

test("one batch waits while another is computed, and no third one is filled", async () => {
  const { encoder, batches, let: release } = encoderOf({ wait: true });
  let made = 0;
  const source = async function* (reading: ClipReading): AsyncGenerator<Item> {
    for (; made < 4 * BATCH; made++) {
      await Promise.resolve();
      yield { name: "clip", clip: clipOf(made, reading) };
    }
  };
  const rows = encodeClips(source, encoder);
  const first = rows.next();
  await turn();
  assert.is(batches.length, 2);
  assert.is(made, 2 * BATCH - 1, "the source waits");
  release();
  assert.is((await first).done, false);
  await rows.return(undefined);
});

test("finished rows do not wait for a source that yields nothing", async () => {
  const { encoder } = encoderOf();
  let closed = false;
  const source = async function* (reading: ClipReading): AsyncGenerator<Item> {
    try {
      for (let i = 0; i < BATCH; i++) yield { name: "clip", clip: clipOf(i, reading) };
      await new Promise<void>((_, reject) => {
        reading.signal.addEventListener("abort", () => reject(reading.signal.reason as Error));
      });
    } finally {
      closed = true;
    }
  };
  let seen = 0;
  for await (const _ of encodeClips(source, encoder)) {
    if (++seen === BATCH) break;
  }
  assert.is(seen, BATCH);
  assert.ok(closed, "the source ends when its reader leaves");
});

test("an abort rejects with the reason, ends the source and cancels the running batch", async () => {
  const { encoder, batches } = encoderOf({ wait: true });
  const abort = new AbortController();
  const ended: string[] = [];
  const source = async function* (reading: ClipReading): AsyncGenerator<Item> {
    try {
      for (let i = 0; i < 5 * BATCH; i++) {
        await Promise.resolve();
        yield { name: "clip", clip: clipOf(i, reading) };
      }
    } finally {
      ended.push("source");
    }
  };
  const next = rejection(encodeClips(source, encoder, { signal: abort.signal }).next());
  await turn();
  assert.is(batches.length, 2);
  const reason = new Error("enough");
  abort.abort(reason);
  assert.is(await next, reason);
  assert.equal(ended, ["source"]);
  assert.is(await rejection(encodeClips(source, encoder, { signal: abort.signal }).next()), reason);
});

test("an error of the encoder ends the source, and the reverse", async () => {
  const wrong = new Error("no memory");
  let closed = 0;
  const source = (fails: boolean) =>
    async function* (reading: ClipReading): AsyncGenerator<Item> {
      try {
        for (let i = 0; i < 50; i++) {
          await Promise.resolve();
          if (fails && i === 10) throw wrong;
          yield { name: "clip", clip: clipOf(i, reading) };
        }
      } finally {
        closed++;
      }
    };
  const all = async (rows: AsyncGenerator<unknown>) => {
    for await (const _ of rows);
  };
  const { encoder } = encoderOf();
  assert.is(
    await rejection(all(encodeClips(source(false), { ...encoder, encode: () => Promise.reject(wrong) }))),
    wrong,
  );
  assert.is(await rejection(all(encodeClips(source(true), encoder))), wrong);
  assert.is(closed, 2);
});

test.run();
