// npm run bench -- pictures [--json] [--threads N] [--rows N]: features of a folder of small pictures, which shows the
// cost per file.
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { extractToFolder, resolvePreset, VideoEncoder } from "../dist/index.js";
import { machine } from "./harness/machine.js";
import { makeVideo } from "../scripts/make_samples.mjs";

const self = fileURLToPath(import.meta.url);
const SIDE = 256;
/** Number of different pictures; the others are copies. */
const DIFFERENT = 20;

async function makePictures(folder: string, kind: "jpg" | "png", count: number): Promise<void> {
  mkdirSync(folder);
  const name = (i: number) => join(folder, `${i}.${kind}`);
  for (let i = 0; i < count; i++) {
    if (i >= DIFFERENT) {
      copyFileSync(name(i % DIFFERENT), name(i));
      continue;
    }
    const common = { frames: 1, width: SIDE, height: SIDE, seed: i };
    const pixel = (k: number) => 128 + 60 * Math.sin((k * (i + 1)) / 3000) + ((k * 7919) % 17);
    const planes = () => Buffer.from(Array.from({ length: SIDE * SIDE * 3 }, (_, k) => pixel(k)));
    if (kind === "jpg") await makeVideo(name(i), { ...common, codec: "mjpeg", format: "yuvj420p" as "yuv420p" });
    else await makeVideo(name(i), { ...common, codec: "png", format: "rgb24" as "yuv420p", planes });
  }
}

/** Measures the extraction of a folder in this process: seconds and CPU seconds, without the start. */
async function measure(folder: string, out: string, threads: number) {
  const encoder = VideoEncoder.random(1, { model: "s3d-tiny", preset: resolvePreset("shapes"), threads });
  const before = process.cpuUsage();
  const { videos, seconds } = await extractToFolder([folder], { encoder, out });
  const { user, system } = process.cpuUsage(before);
  encoder.dispose();
  return { videos, seconds, cpu: (user + system) / 1e6 };
}

/** Runs the bench and prints its rows. @param count pictures of each kind */
export async function benchPictures(options: { json: boolean; threads: number; count: number }): Promise<void> {
  const { json, threads, count } = options;
  const folder = mkdtempSync(join(tmpdir(), "videoclip-bench-"));
  const rows = [];
  try {
    for (const kind of ["jpg", "png"] as const) {
      const pictures = join(folder, kind);
      await makePictures(pictures, kind, count);
      const args = ["--import", "tsx", self, pictures, join(folder, `${kind}-out`), String(threads)];
      const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
      if (status !== 0) throw new Error(stderr);
      const { videos, seconds, cpu } = JSON.parse(stdout.trim().split("\n").at(-1)!) as Awaited<
        ReturnType<typeof measure>
      >;
      rows.push({
        bench: "pictures",
        case: `${videos} ${kind} of ${SIDE} x ${SIDE}`,
        threads,
        ...machine(),
        files_per_s: videos / seconds,
        cpu_ms_per_file: (cpu * 1e3) / videos,
      });
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  if (json) for (const row of rows) console.log(JSON.stringify(row));
  else console.table(rows);
}

if (process.argv[1] === self) {
  const [folder, out, threads] = process.argv.slice(2);
  console.log(JSON.stringify(await measure(folder, out, Number(threads))));
}
