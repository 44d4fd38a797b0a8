// Eight workers compute simultaneously; one is terminated during a run, and the others return correct results.
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("workers");

const source = `
import { parentPort, workerData } from 'node:worker_threads';
const { conv3d } = await import(workerData.ops);
const x = { data: new Float32Array(8 * 32 * 32 * 32).map((_, i) => (i * 7) % 5), shape: [1, 8, 32, 32, 32] };
const weight = { data: new Float32Array(64 * 32 * 9).map((_, i) => (i * 3) % 4), shape: [64, 32, 1, 3, 3] };
parentPort.postMessage('ready');
for (let round = 0; round < workerData.rounds; round++) {
  const y = await conv3d(x, weight, { low: [0, 1, 1] });
  if (round === workerData.rounds - 1) parentPort.postMessage(y.data.reduce((a, b) => a + b, 0));
}
const ops = await import(workerData.ops);
ops.dispose();
`;

const start = (rounds: number) =>
  new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
    workerData: { ops: new URL("../../dist/ops.js", import.meta.url).href, rounds },
  });

test("one of eight workers is terminated, and seven give correct results", async () => {
  const endless = start(1e9);
  const workers = Array.from({ length: 7 }, () => start(20));
  const sums = workers.map(async (worker) => {
    let last: unknown;
    worker.on("message", (message) => {
      last = message;
    });
    const [code] = await once(worker, "exit");
    assert.is(code, 0);
    return last;
  });
  await once(endless, "message");
  await new Promise((resolve) => setTimeout(resolve, 150));
  await endless.terminate();
  const [first, ...rest] = await Promise.all(sums);
  assert.type(first, "number");
  for (const sum of rest) assert.is(sum, first);
});

test("workers can be terminated repeatedly without damage", async () => {
  for (let i = 0; i < 6; i++) {
    const worker = start(1e9);
    await once(worker, "message");
    await new Promise((resolve) => setTimeout(resolve, 30 * i));
    await worker.terminate();
  }
});

test.run();
