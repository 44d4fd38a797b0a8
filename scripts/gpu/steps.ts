// The steps of a run on a GPU: what each runs, for how long at most, and how it is repeated when its process was lost.
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Command } from "./child.js";

export type Part = "test" | "bench" | "all";

/** What the commands of the steps depend on. */
export interface Context {
  /** Folder of the bundles. */
  programs: string;
  /** Folder of logs and results. */
  results: string;
  /** Name of the device for the environment: `cuda`. */
  device: string;
  quick: boolean;
  /** File of the bench's rows. */
  rows: string;
}

export interface Step {
  name: string;
  /** The report belongs to every part. */
  part: Part;
  /** Seconds that the step may take: in a full run, and with `--quick`, where 0 leaves it out. */
  limit: { full: number; quick: number };
  /** The command of a step that may take `limit` seconds, or why it cannot run here. */
  command(context: Context, limit: number): Command | { skip: string };
  /** Output that means that this machine cannot run the step. */
  impossible?: RegExp;
  /** How the step is repeated if its process was lost; it is not without this field. */
  repeat?: {
    /** Processes at a time. */
    parallel: number;
    /**
     * The command for one unit of the step: an op, a network, a bench. `lost` is whether the process was lost in this unit. A step without
     * units is repeated as a whole.
     */
    command(context: Context, unit: string, lost: boolean): Command;
  };
}

/** Seconds for all repetitions together; they are a part of the sums. */
export const REPEATS = { full: 60, quick: 20 };

/** Exit code of a program that cannot run on this machine. */
export const SKIPPED = 77;

/** Checks every instruction by itself, so that an error names its op. */
const CHECKED = { VIDEOCLIP_CUDA_CHECK: "1" };

/** One of the bundles on the device. */
function program({ programs, device }: Context, name: string, args: string[] = [], env = {}): Command {
  const file = join(programs, `${name}.mjs`);
  return { file: process.execPath, args: [file, ...args], env: { VIDEOCLIP_DEVICE: device, ...env } };
}

/** The benches of a quick run. */
const QUICK_BENCHES = ["s3dg", "sepconv", "attention", "contrastive"];

/** A bench of one engine. All engines add to one file. */
function bench(context: Context, engine: string, args: string[] = [], env = {}): Command {
  const runs = ["--runs", context.quick ? "5" : "10"];
  return program(context, "bench", ["--engine", engine, ...runs, "--out", context.rows, ...args], env);
}

/** PyTorch's times, of which one case may take `seconds`. */
function torch(context: Context, engine: string, seconds: number): Command {
  return bench(context, engine, ["--limit", seconds.toFixed(1), ...(context.quick ? QUICK_BENCHES : [])]);
}

/** Path of a program on the path. */
function found(name: string): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
}

/** Ops with products and reductions in shared memory, which the sanitizer is for. */
const SANITIZED = "conv3d,attention,matmul,contrastive_loss,top_k";

/** Ops with kernels for Hopper GPUs. */
const HOPPER = "linear,conv3d,conv3d_sums,matmul,attention";

/** The steps in order: what a later one needs, and what is worth most if time runs out, comes first. */
export const STEPS: readonly Step[] = [
  {
    name: "device",
    part: "all",
    limit: { full: 10, quick: 10 },
    command: (context) => program(context, "report", [join(context.results, "device.json")]),
  },
  {
    name: "conformance",
    part: "test",
    limit: { full: 90, quick: 60 },
    command: (context) => program(context, "conformance", [], context.quick ? { VIDEOCLIP_DTYPES: "f32,bf16" } : {}),
    repeat: {
      parallel: 4,
      command: (context, op) => program(context, "conformance", [], { VIDEOCLIP_OPS: op, ...CHECKED }),
    },
  },
  {
    // the ops that have separate kernels for Hopper GPUs, with the kernels for all GPUs
    name: "conformance without Hopper kernels",
    part: "test",
    limit: { full: 15, quick: 0 },
    command: (context) =>
      program(context, "conformance", [], { VIDEOCLIP_HOPPER: "0", VIDEOCLIP_OPS: HOPPER, VIDEOCLIP_DTYPES: "bf16" }),
  },
  {
    name: "networks",
    part: "test",
    limit: { full: 40, quick: 20 },
    command: (context) => program(context, "networks"),
    repeat: {
      parallel: 2,
      command: (context, network) => program(context, "networks", [], { VIDEOCLIP_NETWORKS: network, ...CHECKED }),
    },
  },
  {
    name: "runtime",
    part: "test",
    limit: { full: 20, quick: 15 },
    command: (context) => program(context, "runtime"),
    repeat: { parallel: 1, command: (context) => program(context, "runtime", [], CHECKED) },
  },
  {
    name: "bench",
    part: "bench",
    limit: { full: 100, quick: 40 },
    command: (context) => bench(context, "videoclip", context.quick ? QUICK_BENCHES : []),
    repeat: {
      parallel: 1,
      // times of a checked run mean nothing: the lost bench is run for its error, the others for their times
      command: (context, name, lost) =>
        lost
          ? program(context, "bench", ["--engine", "videoclip", name], CHECKED)
          : bench(context, "videoclip", [name]),
    },
  },
  {
    name: "torch eager",
    part: "bench",
    limit: { full: 45, quick: 15 },
    command: (context, limit) => torch(context, "eager", Math.min(15, limit / 2)),
  },
  {
    name: "torch compiled",
    part: "bench",
    limit: { full: 60, quick: 0 },
    command: (context, limit) => torch(context, "compiled", 0.8 * limit),
  },
  {
    name: "sanitizer",
    part: "test",
    limit: { full: 40, quick: 0 },
    impossible: /Device not supported/i,
    command(context) {
      const sanitizer = found("compute-sanitizer");
      if (!sanitizer) return { skip: "compute-sanitizer is not installed" };
      const { file, args, env } = program(context, "conformance", [], {
        VIDEOCLIP_OPS: SANITIZED,
        VIDEOCLIP_DTYPES: "bf16",
        ...CHECKED,
      });
      const options = ["--tool", "memcheck", "--error-exitcode", "1", "--target-processes", "all"];
      return { file: sanitizer, args: [...options, file, ...args], env };
    },
  },
];
