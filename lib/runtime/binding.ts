import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { NativeProgram } from "../compile/encode.js";
import { type Attempt, addonError } from "./addon_error.js";

export interface NativeEngine {
  info(): {
    isa: string;
    threads: number;
    hardware: string;
    panelWidth: number;
    parameterBytes: number;
    scratchBytes: number;
    /** Bytes of inputs copied so far; those read in place are not among them. */
    copiedBytes: number;
  };
  /** With a number of bytes it makes room: the values are then undefined. */
  setParameter(id: number, data: ArrayBufferView | number): void;
  /** Writes a part of the values of a parameter that is there. */
  writeParameter(id: number, byteOffset: number, data: ArrayBufferView): void;
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
    /** Which inputs are results of this engine that nobody writes to, so that they may be read in place. */
    results: boolean[],
  ): { job: number; promise: Promise<(ArrayBuffer | null)[]> };
  cancel(job: number): void;
  dispose(): void;
}

export interface Addon {
  /** `backend`: a place in `isas()`, or one of `gpus()`. `number`: threads of a CPU, index of a GPU. */
  Engine: new (backend: number, number: number) => NativeEngine;
  /** Backends that run on a GPU; `emulated`: in test builds only. */
  emulator?:
    | {
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
      }
    | undefined;
  /** Converts, resizes and crops a decoded frame; see native/cpp/video/plane_scaler.h. */
  scalePlanes(planes: Uint8Array[], strides: number[], plan: Float64Array, to: Uint8Array): void;
  gpus(): { cuda: number; emulated: number | null };
  /** Instruction sets of the CPU, from plain to wide. bf16: it has dot products of bf16 pairs. */
  isas(): { name: string; supported: boolean; panelWidth: number; bf16: boolean }[];
  cuda(): { usable: boolean; reason: string; driverVersion: number; devices: number };
}

/** Addon of a platform in the package; scripts/pack.mjs gives the files these names. */
function prebuilt(): string {
  const libc = process.platform === "linux" ? ".glibc" : "";
  return `../../prebuilds/${process.platform}-${process.arch}/videoclip.napi${libc}.node`;
}

/** Where the addon may lie: that of a clone first. */
function candidates(): string[] {
  const here: string | undefined = import.meta.url;
  if (here === undefined) return []; // a bundle in CommonJS format
  const urls = ["../../build/Release/videoclip.node", prebuilt()].map((path) => new URL(path, here));
  // A literal for every addon in the package: webpack copies a file that it sees named like this, and Next.js traces it.
  if (process.platform === "linux" && process.arch === "x64")
    urls.push(new URL("../../prebuilds/linux-x64/videoclip.napi.glibc.node", import.meta.url));
  // Next.js gives such a file a path of the web server
  return [...new Set(urls.filter((url) => url.protocol === "file:").map((url) => fileURLToPath(url)))];
}

let loaded: { addon: Addon; path: string } | undefined;

/** Loads the native addon once. Throws `ERR_ADDON_MISSING` that says what was tried and what to do. */
export function loadAddon(): { addon: Addon; path: string } {
  if (loaded) return loaded;
  const attempts: Attempt[] = [];
  for (const path of candidates()) {
    if (!existsSync(path)) {
      attempts.push({ path });
      continue;
    }
    try {
      // not through require(), which bundlers take for theirs
      const module = { exports: {} as Addon };
      process.dlopen(module, path);
      loaded = { addon: module.exports, path };
      return loaded;
    } catch (error) {
      attempts.push({ path, error });
    }
  }
  throw addonError(attempts);
}
