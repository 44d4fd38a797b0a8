// Workers of a queue beside one process: clips per second of `videoclip extract` with 2 threads, and of two workers with one
// thread each on one run. Outside CI: minutes.
//   node scripts/build.mjs && node bench/scale/queue.mjs FOLDER --queue redis://127.0.0.1:6379 [--videos 48] [--seconds 10] [--runs 5]
// The runs are taken in turn. A run counts from the start of the first process to the end of the last, and the videos of both
// are the same: `--list N` instead adds a list of N videos that do not exist, reconciles it and asks for its status.
import { spawn, spawnSync } from "node:child_process";
import { createWriteStream, existsSync, mkdirSync, rmSync } from "node:fs";
import { once } from "node:events";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { makeVideo } from "../../scripts/make_samples.mjs";

const { values, positionals } = parseArgs({
  options: {
    queue: { type: "string", default: process.env.VIDEOCLIP_QUEUE },
    videos: { type: "string", default: "48" },
    seconds: { type: "string", default: "10" },
    runs: { type: "string", default: "5" },
    list: { type: "string" },
  },
  allowPositionals: true,
});
const [folder] = positionals;
if (!folder || !values.queue) {
  console.error(
    "Usage: node bench/scale/queue.mjs FOLDER --queue URL [--videos N] [--seconds N] [--runs N] [--list N]",
  );
  process.exit(2);
}
mkdirSync(folder, { recursive: true });
const settings = ["--model", "s3dg", "--random-weights", "1"];
// the process tells its peak memory when it ends
const tell = `process.on("exit", () => console.error("peak " + Math.round(process.resourceUsage().maxRSS / 1024)))`;
const cli = ["--import", `data:text/javascript,${encodeURIComponent(tell)}`, "dist/cli/main.js"];

/** Runs commands at the same time. @returns their seconds together, and the largest peak in MiB */
async function timed(...commands) {
  const started = performance.now();
  const ended = commands.map(async (args) => {
    const child = spawn(process.execPath, [...cli, ...args], { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr.on("data", (text) => (said += text));
    const [code] = await once(child, "close");
    if (code !== 0) throw new Error(said);
    return Number(/peak (\d+)/.exec(said)[1]);
  });
  const peaks = await Promise.all(ended);
  return { seconds: (performance.now() - started) / 1000, peakMiB: Math.max(...peaks) };
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const queue = ["--queue", values.queue];

if (values.list) await measureList(Number(values.list));
else await measureWorkers();

async function measureWorkers() {
  const videos = join(folder, "videos");
  mkdirSync(videos, { recursive: true });
  for (let i = 0; i < Number(values.videos); i++) {
    const path = join(videos, `${i}.mp4`);
    if (!existsSync(path))
      await makeVideo(path, { seed: i + 1, frames: 30 * Number(values.seconds), width: 320, height: 240 });
  }
  const [alone, shared] = [[], []];
  for (let run = 0; run < Number(values.runs); run++) {
    const [one, two] = [join(folder, "one"), join(folder, "two")];
    for (const out of [one, two]) rmSync(out, { recursive: true, force: true });
    const added = spawnSync(process.execPath, [
      "dist/cli/main.js",
      "queue",
      "add",
      videos,
      ...settings,
      "--run",
      two,
      ...queue,
    ]);
    if (added.status !== 0) throw new Error(String(added.stderr));
    const worker = ["work", "--run", two, ...queue, "--threads", "1", "--quiet"];
    alone.push(await timed(["extract", videos, ...settings, "--out", one, "--threads", "2", "--quiet"]));
    shared.push(await timed(worker, worker));
    console.log(JSON.stringify({ run, alone: alone[run].seconds, shared: shared[run].seconds }));
  }
  const ratios = alone.map(({ seconds }, i) => seconds / shared[i].seconds);
  console.log(JSON.stringify({ alone: median(alone.map(({ seconds }) => seconds)), shared: median(shared.map(({ seconds }) => seconds)), ratio: median(ratios) })); // prettier-ignore
}

async function measureList(count) {
  const list = join(folder, `list-${count}.txt`);
  if (!existsSync(list)) {
    const out = createWriteStream(list);
    for (let i = 0; i < count; i++) {
      const group = String(Math.floor(i / 1000)).padStart(5, "0");
      if (!out.write(`/data/videos/part-${group}/video-${String(i).padStart(8, "0")}.mp4\n`)) await once(out, "drain");
    }
    out.end();
    await once(out, "close");
  }
  const run = join(folder, `run-${count}`);
  rmSync(run, { recursive: true, force: true });
  console.log("add", JSON.stringify(await timed(["queue", "add", list, ...settings, "--run", run, ...queue])));
  console.log("reconcile", JSON.stringify(await timed(["queue", "reconcile", "--run", run, ...queue])));
  console.log("status", JSON.stringify(await timed(["queue", "status", "--run", run, ...queue])));
}
