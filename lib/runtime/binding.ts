import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { NativeProgram } from "../compile/encode.js";
import { type Attempt, addonError } from "./addon_error.js";
import { gpuFile, platformAddons } from "./platform_package.js";

export interface NativeEngine {
  info(): {
    /** Name of the backend. */
    backend: string;
    threads: number;
    hardware: string;
    panelWidth: number;
    tileDepth: number;
    parameterBytes: number;
    scratchBytes: number;
    /** Bytes of inputs copied so far, without those that were read in place. */
    copiedBytes: number;
  };
  /** Sets the values, or with a number of bytes only allocates them: the values are then undefined. */
  setParameter(id: number, data: ArrayBufferView | number): void;
  /** Writes a part of the values of an existing parameter. */
  writeParameter(id: number, byteOffset: number, data: ArrayBufferView): void;
  readParameter(id: number): ArrayBuffer;
  removeParameter(id: number): void;
  allocate(bytes: number): ArrayBuffer;
  /** Maps bytes of an open file into memory; throws where the system does not support it. */
  map(file: number, offset: number, bytes: number): ArrayBuffer;
  /** Pins the bytes of an array for the copies of a GPU; on a CPU, both do nothing. */
  pin(array: Uint8Array): void;
  unpin(array: Uint8Array): void;
  createProgram(program: NativeProgram): { id: number; workspaceBytes: number };
  removeProgram(id: number): void;
  /** An input is an array, or a list of them; see `Program.run` for when they are read. */
  run(
    id: number,
    inputs: readonly (ArrayBufferView | readonly ArrayBufferView[])[],
    scalars: Float32Array,
    timing: number,
    outputs: (ArrayBufferView | null)[],
    /** For each input, whether it is an unmodified result of this engine, which may be read in place. */
    results: boolean[],
  ): { job: number; promise: Promise<(ArrayBuffer | null)[]> };
  cancel(job: number): void;
  dispose(): void;
}

export interface Addon {
  /**
   * `backend`: an index of `isas()`, or a value of `gpus()`. `threadsOrGpu`: the number of threads for a CPU, the index of the
   * GPU otherwise.
   */
  Engine: new (backend: number, threadsOrGpu: number) => NativeEngine;
  /** Functions of the emulator, in test builds only. */
  emulator?:
    | {
        /** Order of warps and lanes: 0 forward, -1 reverse, otherwise a seed. */
        setOrder(seed: number): void;
        /** Limits the device memory to a number of bytes. */
        setMemoryLimit(bytes: number): void;
        /** Limits the shared memory of a block to a number of bytes, as cards do. */
        setSharedLimit(bytes: number): void;
        /**
         * Whether devices that are opened from now on have compute capability 9.0, and run the kernels for it; by default with 3
         * multiprocessors.
         */
        setHopper(hopper: boolean, multiprocessors?: number): void;
        /** From now on every call of the device fails, as after an illegal access. */
        loseDevice(): void;
        /** Whether copies are executed as early as their stream allows, and not as late. */
        setEarlyCopies(early: boolean): void;
        /** Whether launches are recorded and not executed. */
        setRecording(recording: boolean): void;
        /** The launches that were recorded since the last call. */
        takeLaunches(): { op: string; kernel: string; blocks: number; threads: number; sharedBytes: number }[];
        /** Counters of kernels since the last call; see native/cpp/emulator/counters.h. */
        counters(): {
          launches: number;
          sharedAccesses: number;
          bankConflicts: number;
          globalAccesses: number;
          excessSectors: number;
          mma: number;
          /** Matrix instructions of Hopper GPUs, once for each warp. */
          wgmma: number;
          tensorCopies: number;
          /** Copies of pageable memory since the process began; each waits for its stream. */
          pageableCopies: number;
          /** Bytes copied from host memory to the device since the process began. */
          copiedInBytes: number;
          /** Bytes of memory of callers that are pinned now. */
          registeredBytes: number;
          /** Device memory in use now. */
          memoryBytes: number;
        };
      }
    | undefined;
  /** Converts, resizes and crops a decoded frame; see native/cpp/video/plane_scaler.h. */
  scalePlanes(planes: Uint8Array[], strides: number[], plan: Float64Array, to: Uint8Array): void;
  /** Names the file of kernels for GPUs, which is used if there is none beside the addon. */
  gpuFile(path: string): void;
  gpus(): { cuda: number; emulated: number | null };
  /** The instruction sets of the CPU, the best last. `bf16Refusal`: why products of bf16 would not be faster; null if they are. */
  isas(): { name: string; supported: boolean; panelWidth: number; tileDepth: number; bf16Refusal: string | null }[];
  /** Why this process cannot use the matrix unit (AMX) of the CPU; null if it can. */
  matrixUnit(): string | null;
  cuda(): { usable: boolean; reason: string; driverVersion: number; devices: number };
}

/**
 * Paths at which the addon may be: in a clone, built for this system or by a cross compiler, and in the package of this platform;
 * scripts/pack.mjs uses the same names.
 */
function candidates(): string[] {
  const here: string | undefined = import.meta.url;
  if (here === undefined) return []; // a bundle in CommonJS format
  const builds = ["Release", `${process.platform}-${process.arch}/Release`].map(
    (folder) => `../../build/${folder}/videoclip.node`,
  );
  const clone = builds.map((path) => new URL(path, here)).filter(({ protocol }) => protocol === "file:"); // Next.js gives it a path on the web server
  return [...new Set([...clone.map((url) => fileURLToPath(url)), ...platformAddons()])];
}

let loaded: { addon: Addon; path: string } | undefined;

/** Loads the native addon once. Throws `ERR_ADDON_MISSING` with the attempts and advice. */
export function loadAddon(): { addon: Addon; path: string } {
  if (loaded) return loaded;
  const attempts: Attempt[] = [];
  for (const path of candidates()) {
    if (!existsSync(path)) {
      attempts.push({ path });
      continue;
    }
    try {
      // require() would be replaced by bundlers
      const module = { exports: {} as Addon };
      process.dlopen(module, path);
      const kernels = gpuFile();
      if (kernels !== undefined) module.exports.gpuFile(kernels);
      loaded = { addon: module.exports, path };
      return loaded;
    } catch (error) {
      attempts.push({ path, error });
    }
  }
  throw addonError(attempts);
}
