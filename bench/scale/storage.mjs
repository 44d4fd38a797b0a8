// Extraction from a bucket, and from a bucket to a bucket, beside extraction from a local folder to another, in turn, by the
// command line. The bucket is the tests' server in a separate process, on the same machine.
//   node scripts/build.mjs && node --import tsx bench/scale/storage.mjs FOLDER [--videos 100] [--seconds 8] [--runs 3] [--model s3d-tiny]
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { makeVideo } from "../../scripts/make_samples.mjs";

const { values, positionals } = parseArgs({
  options: {
    videos: { type: "string", default: "100" },
    seconds: { type: "string", default: "8" },
    runs: { type: "string", default: "3" },
    model: { type: "string", default: "s3d-tiny" },
    preset: { type: "string", default: "shapes" },
    serve: { type: "boolean", default: false },
  },
  allowPositionals: true,
});
const [folder] = positionals;
if (!folder) {
  console.error(
    "Usage: node --import tsx bench/scale/storage.mjs FOLDER [--videos N] [--seconds S] [--runs N] [--model NAME]",
  );
  process.exit(2);
}
const videos = join(folder, "videos");
const names = Array.from({ length: Number(values.videos) }, (_, i) => `${String(i).padStart(4, "0")}.mp4`);

if (values.serve) {
  const { startS3Server } = await import("../../test/support/s3_server.ts");
  const server = await startS3Server();
  for (const name of readdirSync(videos)) server.put(`in/${name}`, readFileSync(join(videos, name)));
  console.log(JSON.stringify(server.env));
} else await compare();

async function compare() {
  mkdirSync(videos, { recursive: true });
  const made = new Set(readdirSync(videos));
  for (const [i, name] of names.entries()) {
    if (!made.has(name)) await makeVideo(join(videos, name), { seed: i, seconds: Number(values.seconds) });
  }
  const script = fileURLToPath(import.meta.url);
  const server = spawn(process.execPath, ["--import", "tsx", script, folder, "--serve"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const env = JSON.parse(String(await new Promise((resolve) => server.stdout.once("data", resolve))));
  const times = { local: [], bucket: [], both: [] };
  const served = { bucket: [], both: [] };
  /** Runs an extraction, and adds the server's processor seconds during it. */
  const measured = async (name, ...rest) => {
    const before = processorSeconds(server.pid);
    times[name].push(await extract(...rest));
    served[name]?.push(processorSeconds(server.pid) - before);
  };
  try {
    for (let run = 0; run < Number(values.runs); run++) {
      await measured("local", videos, {});
      await measured("bucket", "s3://videos/in/", env);
      await measured("both", "s3://videos/in/", env, `s3://videos/out-${run}`);
      const seconds = Object.entries(times).map(([name, list]) => `${name} ${list.at(-1).toFixed(2)} s`);
      console.log(`run ${run + 1}: ${seconds.join(", ")}`);
    }
  } finally {
    server.kill();
  }
  const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];
  const [local, bucket, both] = [times.local, times.bucket, times.both].map(median);
  const throughput = { bucket: local / bucket, both: local / both };
  const server_seconds = { bucket: median(served.bucket), both: median(served.both) };
  console.log(JSON.stringify({ videos: names.length, local, bucket, both, throughput, server_seconds }));
}

/** User and system time of a process of Linux so far, in seconds. */
function processorSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function extract(input, env, out = join(folder, "out")) {
  rmSync(out, { recursive: true, force: true });
  const flags = ["--model", values.model, "--preset", values.preset, "--random-weights", "1", "--quiet", "--out", out];
  const begin = performance.now();
  const child = spawn(process.execPath, ["dist/cli/main.js", "extract", input, ...flags], {
    env: { ...process.env, ...env },
    stdio: "inherit",
  });
  const code = await new Promise((resolve) => child.on("close", resolve));
  if (code !== 0) throw new Error(`extract ended with ${code}`);
  return (performance.now() - begin) / 1000;
}
