// A retrieval epoch at the size of HowTo100M: the plan of all batches over VIDEOS x WIDTH vectors in float16, searched exactly.
// Prints the clock, the processor time and the peak memory beside the matrix. Outside CI: minutes.
//   node scripts/build.mjs && node bench/scale/retrieval_epoch.mjs [--videos 1000000] [--width 768] [--batches 31250]
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { planRetrieval } from "../../dist/data/retrieval.js";
import { configure, dispose } from "../../dist/ops.js";

const { values } = parseArgs({
  options: {
    videos: { type: "string", default: "1000000" },
    width: { type: "string", default: "768" },
    batches: { type: "string" },
    threads: { type: "string", default: "2" },
  },
});
const [videos, width] = [Number(values.videos), Number(values.width)];
configure({ threads: Number(values.threads), device: "cpu" });

// normal-looking float16 bits without a million draws: values of either sign between 2^-4 and 2^2
const vectors = new Uint16Array(videos * width);
let state = 1;
for (let i = 0; i < vectors.length; i++) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  vectors[i] = ((state >>> 16) & 0x83ff) | ((11 + ((state >>> 12) % 6)) << 10);
}
const peak = () => process.resourceUsage().maxRSS / 1024;
const before = { cpu: process.cpuUsage(), clock: performance.now() };
let last = performance.now();
const { groups, coverage, meanRepeats, mostRepeats } = await planRetrieval(vectors, width, {
  seed: 1,
  epoch: 0,
  batches: values.batches && Number(values.batches),
  onProgress(done, batches) {
    if (performance.now() - last < 20_000) return;
    last = performance.now();
    console.error(`${done} of ${batches} batches, ${Math.round((last - before.clock) / 1000)} s`);
  },
});
const cpu = process.cpuUsage(before.cpu);
const matrix = vectors.byteLength / 2 ** 20;
console.log(
  JSON.stringify({
    videos,
    width,
    batches: groups.length,
    seconds: (performance.now() - before.clock) / 1000,
    processorSeconds: (cpu.user + cpu.system) / 1e6,
    matrixMiB: Math.round(matrix),
    peakMiB: Math.round(peak()),
    besideMatrixMiB: Math.round(peak() - matrix),
    coverage,
    meanRepeats,
    mostRepeats,
  }),
);
dispose();
