// Several videos are read at a time: failures, time limits, waiting, and the end of reading.
import { getEventListeners } from "node:events";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { VideoError } from "#lib/base/errors.js";
import { resolvePreset } from "#lib/video/presets.js";
import { readClips, type VideoEvent } from "#lib/video/read_clips.js";
import type { DecodeFunction, OpenVideo } from "#lib/video/types.js";

const test = suite("read clips");
const preset = resolvePreset("x3d-xs", { frames: 1, size: 2 });
const options = { preset, waiting: 4 };

/** Videos by name: `N` has N clips, `hung` hangs after one clip, `broken` fails after one, `missing` fails at once. */
function decoderOf() {
  const open = new Set<string>();
  let most = 0;
  const decode: DecodeFunction = async (path, { signal }) => {
    await Promise.resolve();
    if (path === "missing") throw new VideoError("ERR_VIDEO_NOT_FOUND", "missing: no such file", { file: path });
    open.add(path);
    most = Math.max(most, open.size);
    return {
      info: { path, duration: 1 },
      close: () => Promise.resolve(void open.delete(path)),
      async *[Symbol.asyncIterator]() {
        const count = Number(path.split(" ")[0]);
        for (let index = 0; index < (count || 1); index++) {
          await new Promise(setImmediate);
          yield { index, start: index, end: index + 1, frames: new Uint8Array(12), paddedFrames: 0 };
        }
        if (path === "broken") throw new Error("bad data");
        if (path === "hung") {
          await new Promise<void>((_, reject) => {
            signal!.addEventListener("abort", () => reject(signal!.reason as Error));
          });
        }
      },
    } as unknown as OpenVideo;
  };
  return { decode, open, most: () => most };
}

const name = ({ type, path }: VideoEvent) => `${path}: ${type}`;

async function all(events: AsyncIterable<VideoEvent>): Promise<VideoEvent[]> {
  const seen: VideoEvent[] = [];
  for await (const event of events) seen.push(event);
  return seen;
}

test("the events of a video arrive in order, and a bad video does not stop the others", async () => {
  const { decode, open } = decoderOf();
  const events = await all(readClips(["2 clips", "broken", "missing", "1 clip"], options, decode));
  assert.equal(events.map(name), [
    "2 clips: open",
    "2 clips: clip",
    "2 clips: clip",
    "2 clips: end",
    "broken: open",
    "broken: clip",
    "broken: failure",
    "missing: failure",
    "1 clip: open",
    "1 clip: clip",
    "1 clip: end",
  ]);
  const codes = events.flatMap((event) => (event.type === "failure" ? [event.error.code] : []));
  assert.equal(codes, ["ERR_VIDEO_DECODE", "ERR_VIDEO_NOT_FOUND"]);
  assert.is(open.size, 0);
});

test("a hung decoder fails after the time limit, and the others continue meanwhile", async () => {
  const { decode, most, open } = decoderOf();
  const paths = ["hung", "3 a", "3 b", "3 c"];
  const events = await all(readClips(paths, { ...options, decoders: 2, timeout: 0.3 }, decode));
  assert.is(most(), 2);
  const ends = events.filter(({ type }) => type === "end" || type === "failure");
  assert.equal(ends.map(name), ["3 a: end", "3 b: end", "3 c: end", "hung: failure"]);
  const failed = ends.at(-1) as VideoEvent & { type: "failure" };
  assert.is(failed.error.code, "ERR_VIDEO_TIMEOUT");
  assert.match(failed.error.message, /hung: the decoder gave nothing for 0\.3 s/);
  assert.is(open.size, 0);
});

test("decoders wait for the reader, and stop when it leaves", async () => {
  const { decode, open } = decoderOf();
  const events = readClips(["1000 a", "1000 b", "1000 c"], { ...options, decoders: 2 }, decode);
  await events.next();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.is(open.size, 2, "the third video waits");
  await events.return(undefined);
  assert.is(open.size, 0);
});

test("an abort rejects with the reason, even while a decoder hangs", async () => {
  const { decode, open } = decoderOf();
  const abort = new AbortController();
  const reason = new Error("enough");
  const work = all(readClips(["hung"], { ...options, signal: abort.signal }, decode));
  setTimeout(() => abort.abort(reason), 20);
  assert.is(await work.catch((error: Error) => error), reason);
  assert.is(open.size, 0);
  assert.is(await all(readClips(["1 a"], { ...options, signal: abort.signal }, decode)).catch((e: Error) => e), reason);
});

test("a signal that outlives the run holds no reference to videos or runs", async () => {
  const { signal } = new AbortController();
  const { decode } = decoderOf();
  for (let run = 0; run < 5; run++) await all(readClips(["1 a", "2 b", "broken"], { ...options, signal }, decode));
  assert.is(getEventListeners(signal, "abort").length, 0);
  // the set that AbortSignal.any would leave on the signal, by the name that Node gives it
  for (const symbol of Object.getOwnPropertySymbols(signal)) {
    const kept = (signal as unknown as Record<symbol, unknown>)[symbol];
    if (kept instanceof Set || /SafeSet/.test(String(kept?.constructor?.name))) assert.is((kept as Set<unknown>).size, 0, String(symbol)); // prettier-ignore
  }
});

test.run();
