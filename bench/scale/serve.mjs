// Searches by `videoclip serve` over HTTP: VIDEOS videos of CLIPS rows, queries by example, so that no sentence is encoded. One
// client, then CLIENTS at once; beside them the passes over the rows without the server. With --text a VideoCLIP model encodes
// sentences of 6 of its words, and the rows have its width. Outside CI: minutes, and some gigabytes of memory.
//   node scripts/build.mjs && node bench/scale/serve.mjs FOLDER [--videos 10000] [--clips 100] [--width 768] [--text models/shapes] [--clients 32] [--seconds 60]
/* global setInterval, clearInterval */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { openTextEncoder } from "../../dist/features/index_text_encoder.js";
import { FeatureIndex } from "../../dist/index.js";

const { values, positionals } = parseArgs({
  options: {
    videos: { type: "string", default: "10000" },
    clips: { type: "string", default: "100" },
    width: { type: "string", default: "768" },
    text: { type: "string" },
    clients: { type: "string", default: "32" },
    seconds: { type: "string", default: "60" },
  },
  allowPositionals: true,
});
const [folder] = positionals;
if (!folder) {
  console.error(
    "Usage: node bench/scale/serve.mjs FOLDER [--videos N] [--clips N] [--width N] [--text MODEL] [--clients N] [--seconds N]",
  );
  process.exit(2);
}
const [videos, clips, clients, seconds] = ["videos", "clips", "clients", "seconds"].map((name) => Number(values[name])); // prettier-ignore
const text = values.text && (await openTextEncoder({ kind: "videoclip", path: values.text }));
const width = text ? text.dim : Number(values.width);
const at = join(folder, `index-${videos}-${clips}-${width}${text ? "-text" : ""}`);
if (!existsSync(join(at, "index.json"))) await writeIndex();

const agent = new Agent({ keepAlive: true });
const quantile = (times, part) => [...times].sort((a, b) => a - b)[Math.min(times.length - 1, Math.floor(part * times.length))]; // prettier-ignore
const show = (name, times, more = {}) => console.log(JSON.stringify({ name, count: times.length, median: round(quantile(times, 0.5)), p95: round(quantile(times, 0.95)), ...more })); // prettier-ignore
const round = (ms) => Number(ms.toFixed(1));

await passes(1, 60);
await passes(clients, 20);
if (text) await encodings();
await serve();

/** Encodings of sentences in this process: one at a time, and as many at once as there are clients. */
async function encodings() {
  for (const count of [1, clients]) {
    const times = [];
    for (let i = 0; i < 50; i++) {
      const begin = performance.now();
      await text.encode(Array.from({ length: count }, sentence));
      if (i >= 5) times.push(performance.now() - begin);
    }
    show(`encoding of ${count}, without a server`, times);
  }
}

/** Six words of the model. */
function sentence() {
  const words = text.vocabulary();
  return Array.from({ length: 6 }, () => words[Math.floor(Math.random() * words.length)]).join(" ");
}

/** Passes over the rows in this process, without a server. */
async function passes(queries, runs) {
  const index = await FeatureIndex.open(at);
  const vectors = Float32Array.from({ length: queries * width }, () => Math.random() - 0.5);
  const times = [];
  for (let i = 0; i < runs + 3; i++) {
    const begin = performance.now();
    await index.search({ vectors, top: 256 });
    if (i >= 3) times.push(performance.now() - begin);
  }
  index.dispose();
  show(`pass of ${queries}, without a server`, times);
}

async function serve() {
  const args = ["dist/cli/main.js", "serve", "--index", at, "--port", "0"];
  const server = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"] });
  const [line] = await once(server.stdout, "data");
  const base = String(line).trim();
  const memory = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))?.[1]) / 1024;
  try {
    const { moments } = await ask(`${base}api/search?like=${await anyVideo()}@1&limit=200`);
    const ids = moments.map(({ video }) => video);
    await client(base, ids, 5);
    show("one client", await client(base, ids, Math.min(20, seconds)));
    const samples = [];
    const timer = setInterval(() => samples.push(Math.round(memory())), 5000);
    const all = await Promise.all(Array.from({ length: clients }, () => client(base, ids, seconds)));
    clearInterval(timer);
    const times = all.flat();
    show(`${clients} clients`, times, { perSecond: round(times.length / seconds), memoryMiB: samples });
  } finally {
    server.kill();
  }
}

/** Asks one search after another. @returns milliseconds of each */
async function client(base, ids, seconds) {
  const times = [];
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    const id = ids[Math.floor(Math.random() * ids.length)];
    const query = text ? `q=${encodeURIComponent(sentence())}` : `like=${id}@${Math.floor(Math.random() * clips)}`;
    const begin = performance.now();
    const { moments } = await ask(`${base}api/search?${query}&limit=20`);
    if (moments.length === 0) throw new Error("no moment");
    times.push(performance.now() - begin);
  }
  return times;
}

/** The answer to a request, without the time that `fetch` takes from the server on the same machine. */
async function ask(url) {
  const [answer] = await once(get(url, { agent }), "response");
  const chunks = [];
  for await (const chunk of answer) chunks.push(chunk);
  if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode}`);
  return JSON.parse(Buffer.concat(chunks));
}

/** The id of a video, which only answers tell. */
async function anyVideo() {
  const { videoId } = await import("../../dist/serve/video_ids.js");
  const index = await FeatureIndex.open(at);
  const id = videoId(index.manifest.id, index.videos()[0]);
  index.dispose();
  return id;
}

async function writeIndex() {
  mkdirSync(folder, { recursive: true });
  const index = await FeatureIndex.create(at, { dim: width, text: text?.info });
  const spans = Array.from({ length: clips }, (_, i) => [i, i + 1]);
  function* all() {
    for (let i = 0; i < videos; i++) {
      const rows = Float32Array.from({ length: clips * width }, () => Math.random() - 0.5);
      yield { video: `/videos/${i}.mp4`, rows, spans };
    }
  }
  await index.append(all());
  index.dispose();
}
