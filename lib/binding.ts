import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { DeviceError } from "./errors.js";

/** The flat program that the native side takes; see native/cpp/addon/engine_wrap.cc. */
export interface NativeProgram {
  instructions: { op: string; attrs: Float64Array; operands: Float64Array }[];
  arenaBytes: number;
  inputBytes: number[];
  outputBytes: number[];
  scalars: number;
  /** Matrix products of f32 may round their operands to tf32 (GPU). */
  tf32: boolean;
}

export interface NativeEngine {
  info(): {
    isa: string;
    threads: number;
    hardware: string;
    panelWidth: number;
    parameterBytes: number;
    scratchBytes: number;
  };
  setParameter(id: number, data: ArrayBufferView | number): void;
  readParameter(id: number): ArrayBuffer;
  removeParameter(id: number): void;
  allocate(bytes: number): ArrayBuffer;
  /** Bytes of an open file, read from it when they are used; throws where that cannot be done. */
  map(file: number, offset: number, bytes: number): ArrayBuffer;
  createProgram(program: NativeProgram): { id: number; workspaceBytes: number };
  removeProgram(id: number): void;
  /** An input is an array, or a list of them; see `Program.run` for when they are read. */
  run(
    id: number,
    inputs: readonly (ArrayBufferView | readonly ArrayBufferView[])[],
    scalars: Float32Array,
    profile: boolean,
    outputs: (ArrayBufferView | null)[],
  ): { job: number; promise: Promise<(ArrayBuffer | null)[]> };
  cancel(job: number): void;
  dispose(): void;
}

export interface Addon {
  /** `backend`: a place in `isas()`, or one of `gpus()`. `number`: threads of a CPU, index of a GPU. */
  Engine: new (backend: number, number: number) => NativeEngine;
  /** Backends that run on a GPU; `emulated`: in test builds only. */
  emulator?: {
    /** Order of warps and lanes: 0 forward, -1 reverse, else a seed. */
    setOrder(seed: number): void;
    /** Bytes of device memory that there are. */
    setMemoryLimit(bytes: number): void;
    /** What kernels did since the last call; see native/cpp/emulator/counters.h. */
    counters(): {
      sharedAccesses: number;
      bankConflicts: number;
      globalAccesses: number;
      excessSectors: number;
      mma: number;
      /** Device memory in use now. */
      memoryBytes: number;
    };
  };
  gpus(): { cuda: number; emulated: number | null };
  /** Instruction sets of the CPU, from plain to wide. bf16: it has dot products of bf16 pairs. */
  isas(): { name: string; supported: boolean; panelWidth: number; bf16: boolean }[];
  cuda(): { usable: boolean; reason: string; driverVersion: number; devices: number };
}

const require = createRequire(import.meta.url);
/** The package's root: one up from `dist`. */
const root = join(dirname(fileURLToPath(import.meta.url)), "..");
let loaded: { addon: Addon; path: string } | undefined;

/** Loads the native addon once. Throws `ERR_ADDON_MISSING` that says what was tried and what to do. */
export function loadAddon(): { addon: Addon; path: string } {
  if (loaded) return loaded;
  const find = require("node-gyp-build") as ((dir: string) => Addon) & { resolve(dir: string): string };
  try {
    const path = find.resolve(root);
    loaded = { addon: require(path) as Addon, path };
    return loaded;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
    throw new DeviceError(
      "ERR_ADDON_MISSING",
      `The native addon for ${process.platform}-${process.arch} (Node ${process.versions.node}) could not be loaded: ${reason}\n` +
        "In a clone of the repository run: npm run build",
      { cause },
    );
  }
}
