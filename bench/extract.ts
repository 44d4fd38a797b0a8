// npm run bench -- extract [--json] [--threads N] [--long] [--model NAME] [--precision f32|bf16]: videos to features, compared with its
// two parts.
//
// Three processes run one after another: the whole, decoding alone, computing alone. A perfect pipeline takes (CPU
// seconds of decoding + CPU seconds of computing) / cores; `overhead` is the additional time of the whole.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { extractToFolder, openVideo, type Precision, VideoEncoder, type VideoModelName } from "../dist/index.js";
import { VIDEO_MODEL_NAMES } from "../dist/models/video/video_models.js";
import { machine } from "./harness/machine.js";
import { median, pairRatio } from "./harness/statistics.js";
import { makeSamples, makeVideo } from "../scripts/make_samples.mjs";

/** The encoder of an extraction. */
export interface Encoding {
  threads: number;
  model: VideoModelName;
  precision: Precision;
}

interface Measured extends Encoding {
  wall: number;
  cpu: number;
  clips: number;
  rssMb: number;
  delayP99Ms: number;
}

/** Measures one part, in this process. */
async function measure(part: string, folder: string, encoding: Encoding): Promise<Measured> {
  const files = readdirSync(folder).map((name) => join(folder, name));
  const encoder = VideoEncoder.random(1, encoding);
  const { preset } = encoder;
  const clipBytes = preset.frames * preset.crop * preset.crop * 3;
  await encoder.encode(new Uint8Array(encoder.batch * clipBytes)); // weights are folded once
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const begin = performance.now();
  const before = process.cpuUsage();
  let clips = 0;
  if (part === "whole") {
    const out = join(folder, "..", "out");
    const { clips: count } = await extractToFolder(files, { encoder, out });
    clips = count;
  } else if (part === "decode") {
    const queue = [...files];
    const work = async () => {
      for (let file = queue.pop(); file; file = queue.pop()) {
        const video = await openVideo(file, { preset });
        for await (const _ of video) clips++;
        await video.close();
      }
    };
    await Promise.all([work(), work()]);
  } else {
    clips = Number(part);
    const batch = new Uint8Array(encoder.batch * clipBytes);
    for (let done = 0; done < clips; done += encoder.batch) {
      const n = Math.min(encoder.batch, clips - done);
      await encoder.encode(batch.subarray(0, n * clipBytes));
    }
  }
  const { user, system } = process.cpuUsage(before);
  delay.disable();
  encoder.dispose();
  return {
    ...encoding,
    wall: (performance.now() - begin) / 1e3,
    cpu: (user + system) / 1e6,
    clips,
    rssMb: process.resourceUsage().maxRSS / 1024,
    delayP99Ms: delay.percentile(99) / 1e6,
  };
}

const self = fileURLToPath(import.meta.url);

function child(part: string, folder: string, encoding: Encoding, script = self): Measured {
  const { threads, model, precision } = encoding;
  const args = ["--import", "tsx", script, part, folder, String(threads), model, precision];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  const measured = JSON.parse(stdout.trim().split("\n").at(-1)!) as Measured;
  // an older checkout has one model and does not say so
  if ((measured.model ?? "s3d") !== model || (measured.precision ?? "f32") !== precision)
    throw new Error(`${script}: it cannot extract with ${model} in ${precision}`);
  return measured;
}

/** Makes the videos of the bench below `folder`. */
async function makeVideos(folder: string, long: boolean): Promise<string> {
  process.stderr.write("Making the videos\n");
  const videos = join(folder, "videos");
  if (long) {
    await makeSamples(videos, { count: 0 });
    await makeVideo(join(videos, "long.mp4"), { width: 1280, height: 720, rate: 10, seconds: 600 });
  } else {
    await makeSamples(videos, { count: 8, seconds: 30 });
  }
  return videos;
}

/**
 * Extraction, and decoding alone, by this checkout and by another one, in turn (A B B A): medians, and the ratio other
 * / this of neighbours. CPU seconds are also given per clip, since two checkouts may cut a video into different numbers
 * of clips.
 */
export async function compareExtract(options: Encoding & { long: boolean; runs: number; against: string }) {
  const { long, runs, against, ...encoding } = options;
  const folder = mkdtempSync(join(tmpdir(), "videoclip-bench-"));
  try {
    const videos = await makeVideos(folder, long);
    const scripts = [self, join(against, "bench/extract.ts")];
    for (const part of ["decode", "whole"]) {
      const measured: Measured[][] = [[], []];
      for (let turn = 0; turn < runs; turn++) {
        for (const side of turn % 2 === 0 ? [0, 1] : [1, 0]) {
          rmSync(join(folder, "out"), { recursive: true, force: true });
          measured[side].push(child(part, videos, encoding, scripts[side]));
        }
      }
      printRatios(part, measured);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Prints the results of one part: `measured[0]` is of this checkout, `measured[1]` of the other one. */
function printRatios(part: string, measured: Measured[][]): void {
  const where = machine();
  const figures: Record<string, (row: Measured) => number> = {
    wall_s: (row) => row.wall,
    cpu_s: (row) => row.cpu,
    cpu_ms_per_clip: (row) => (1e3 * row.cpu) / row.clips,
    clips: (row) => row.clips,
    peak_rss_mb: (row) => row.rssMb,
    event_loop_p99_ms: (row) => row.delayP99Ms,
  };
  for (const [name, figure] of Object.entries(figures)) {
    const [ours, theirs] = measured.map((rows) => rows.map(figure));
    const ratio = pairRatio(ours, theirs).toFixed(3);
    const medians = `this ${median(ours).toFixed(3)}, other ${median(theirs).toFixed(3)}`;
    console.log(`${part} ${name}: ${medians}, ratio ${ratio}, ${where.cpu} ${where.isa}`);
  }
}

/** The encoder of the command's options. @throws Error that names what is expected */
export function encodingOf(options: { threads: number; model: string; precision: string }): Encoding {
  const { threads, model, precision } = options;
  if (!VIDEO_MODEL_NAMES.includes(model as VideoModelName))
    throw new Error(`--model: expected one of ${VIDEO_MODEL_NAMES.join(", ")}, received ${model}`);
  if (precision !== "f32" && precision !== "bf16")
    throw new Error(`--precision: expected f32 or bf16, received ${precision}`);
  return { threads, model: model as VideoModelName, precision };
}

/** The name of a case: that of S3D in f32 has neither, as in results that are older than the options. */
function extractCase(long: boolean, model: string, precision: string): string {
  const videos = long ? "10 minutes of 1280x720" : "8 videos of 30 s";
  return model === "s3d" && precision === "f32" ? videos : `${videos}, ${model} ${precision}`;
}

/** Runs the bench and prints its rows. */
export async function benchExtract(options: Encoding & { json: boolean; long: boolean }): Promise<void> {
  const { json, long, ...encoding } = options;
  const { threads, model, precision } = encoding;
  const folder = mkdtempSync(join(tmpdir(), "videoclip-bench-"));
  try {
    const videos = await makeVideos(folder, long);
    const whole = child("whole", videos, encoding);
    const decode = child("decode", videos, encoding);
    const compute = child(String(whole.clips), videos, encoding);
    const perfect = (decode.cpu + compute.cpu) / threads;
    const row = {
      bench: "extract",
      case: extractCase(long, model, precision),
      threads,
      ...machine(),
      model,
      precision,
      clips: whole.clips,
      wall_s: whole.wall,
      cpu_s: whole.cpu,
      decode_cpu_s: decode.cpu,
      compute_cpu_s: compute.cpu,
      overhead: whole.wall / perfect,
      peak_rss_mb: whole.rssMb,
      event_loop_p99_ms: whole.delayP99Ms,
    };
    if (json) console.log(JSON.stringify(row));
    else console.table([row]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (process.argv[1] === self) {
  const [part, folder, threads, model, precision] = process.argv.slice(2);
  const encoding = { threads: Number(threads), model, precision } as Encoding;
  console.log(JSON.stringify(await measure(part, folder, encoding)));
}
