// The baseline of a search: half of its rows are copied to other memory, so that the bytes read and written together
// are those that the search reads. Each thread copies its part in one memcpy.
import { Worker } from "node:worker_threads";
import { serve } from "../harness/child.js";

const COPY = `
const { parentPort, workerData: { from, to, done } } = require("node:worker_threads");
parentPort.on("message", () => {
  to.set(from);
  Atomics.add(done, 0, 1);
  Atomics.notify(done, 0);
});`;

await serve(async ({ spec, threads }) => {
  if (spec.kind !== "top_k") throw new Error("a yardstick of searches alone");
  const bytes = (spec.rows * spec.width * 4) / 2;
  const part = bytes / threads;
  const from = new SharedArrayBuffer(bytes);
  const to = new SharedArrayBuffer(bytes);
  new Uint8Array(from).fill(1);
  const done = new Int32Array(new SharedArrayBuffer(4));
  const slice = (buffer: SharedArrayBuffer, i: number) => new Uint8Array(buffer, i * part, part);
  const workers = Array.from({ length: threads - 1 }, (_, i) => {
    return new Worker(COPY, { eval: true, workerData: { from: slice(from, i), to: slice(to, i), done } });
  });
  return async () => {
    Atomics.store(done, 0, 0);
    for (const worker of workers) worker.postMessage(null);
    slice(to, threads - 1).set(slice(from, threads - 1));
    for (let seen = 0; seen < workers.length; seen = Atomics.load(done, 0)) Atomics.wait(done, 0, seen, 1000);
  };
});
