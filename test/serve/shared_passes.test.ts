// Searches that wait for the same rows share a pass over them, and each gets the hits that it would get alone.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { FeatureIndex } from "#lib/features/feature_index.js";
import { SharedPasses } from "#lib/serve/shared_passes.js";
import { rejection } from "../support/errors.js";

const test = suite("shared passes");
const DIM = 2;

/** An index whose searches end when the test says so: a hit has the values of its query as times. */
function heldIndex() {
  const passes: { queries: number; top: number; end: (error?: Error) => void }[] = [];
  const find = ({ vectors, top }: { vectors: Float32Array; top: number }) =>
    new Promise((resolve, reject) => {
      const queries = vectors.length / DIM;
      const hits = Array.from({ length: queries }, (_, i) => [{ start: vectors[DIM * i], end: vectors[DIM * i + 1], score: top }]); // prettier-ignore
      passes.push({ queries, top, end: (error) => (error ? reject(error) : resolve(hits)) });
    });
  return { passes, index: { dim: DIM, find } as unknown as FeatureIndex };
}

const soon = () => new Promise((resolve) => setTimeout(resolve, 20)); // longer than the pause after a shared pass
/** A turn of the event loop, in which a pass begins. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const never = new AbortController().signal;

test("searches that arrive during a pass share the next one, with their own hits", async () => {
  const { passes, index } = heldIndex();
  const shared = new SharedPasses();
  const ask = (i: number, top = 5) => shared.search(index, Float32Array.of(i, -i), top, never);
  const first = ask(1);
  await turn();
  const others = [ask(2), ask(3), ask(4, 7), ask(5)];
  assert.equal(passes.map(({ queries }) => queries), [1]); // prettier-ignore
  passes[0].end();
  await soon();
  passes[1].end();
  await soon();
  passes[2].end();
  await soon();
  assert.equal(passes.map(({ queries, top }) => [queries, top]), [[1, 5], [3, 5], [1, 7]]); // prettier-ignore
  const hits = (await Promise.all([first, ...others])).map(([{ start, end, score }]) => [start, end, score]);
  assert.equal(hits, [[1, -1, 5], [2, -2, 5], [3, -3, 5], [4, -4, 7], [5, -5, 5]]); // prettier-ignore
  const again = ask(6);
  await turn();
  passes[3].end();
  assert.is([...(await again)][0].start, 6);
});

test("a pass has at most 64 queries", async () => {
  const { passes, index } = heldIndex();
  const shared = new SharedPasses();
  const all = Array.from({ length: 101 }, (_, i) =>
    shared.search(index, Float32Array.of(i, 0), 1, new AbortController().signal),
  );
  await turn();
  for (let i = 0; i < 2; i++) {
    passes[i].end();
    await soon();
  }
  assert.equal(passes.map(({ queries }) => queries), [64, 37]); // prettier-ignore
  assert.equal((await Promise.all(all)).map(([{ start }]) => start), all.map((_, i) => i)); // prettier-ignore
});

test("who gives up leaves the others alone, and an error of a pass reaches only those in it", async () => {
  const { passes, index } = heldIndex();
  const shared = new SharedPasses();
  const stop = new AbortController();
  const ask = (signal: AbortSignal) => shared.search(index, Float32Array.of(0, 0), 1, signal);
  const during = rejection(ask(stop.signal));
  await turn();
  const [waiting, patient] = [rejection(ask(stop.signal)), ask(never)];
  stop.abort(new Error("gave up"));
  assert.is((await waiting).message, "gave up");
  passes[0].end();
  assert.is((await during).message, "gave up");
  await soon();
  assert.is(passes[1].queries, 1);
  const failing = rejection(ask(never));
  passes[1].end();
  assert.is((await patient).length, 1);
  await soon();
  passes[2].end(new Error("the file was cut"));
  assert.is((await failing).message, "the file was cut");
});

test("after a shared pass the next one waits for searches that are being prepared", async () => {
  const { passes, index } = heldIndex();
  let coming = 2;
  const shared = new SharedPasses(() => coming);
  const ask = () => shared.search(index, Float32Array.of(0, 0), 1, never);
  const first = [ask(), ask()];
  await turn();
  await soon(); // the time of the pass, of which the next one waits for a part
  passes[0].end();
  await Promise.all(first);
  const early = ask();
  await turn();
  assert.is(passes.length, 1);
  coming = 1;
  const late = ask();
  await soon();
  assert.equal(passes.map(({ queries }) => queries), [2, 2]); // prettier-ignore
  passes[1].end();
  await Promise.all([early, late]);
});

test.run();
