import { availableParallelism } from "node:os";
import { loadAddon, type NativeEngine } from "./binding.js";
import { DeviceError, DisposedError, InvalidArgumentError } from "./errors.js";
import { ParameterStore } from "./graph/parameter_store.js";

/** Arithmetic of convolutions. */
export type Precision = "f32" | "bf16";

export interface DeviceOptions {
  /** `auto` takes CUDA where it can be had and the CPU otherwise; `cuda` throws with the reason when it cannot. */
  device?: "auto" | "cpu" | "cuda";
  /** Compute threads, 1 to 256. Default: the cores this process may use. Results do not depend on it. */
  threads?: number;
  /**
   * `bf16`: convolutions of models round inputs and weights to bf16 and sum in f32, where the CPU has dot products for it
   * (AVX512-BF16); values between layers stay f32. Default `f32`.
   */
  precision?: Precision;
  /**
   * Compute 1x3x3 and 3x1x1 convolutions of models by Winograd's minimal filtering where it is faster. Default true.
   * A layer's relative error is then about 1e-6 instead of 3e-7.
   */
  winograd?: boolean;
}

/** A place to compute: an engine thread, a thread pool and the parameters that live there. */
export class Device {
  readonly name = "cpu";
  readonly isa: string;
  readonly threads: number;
  /** Columns of a packed weight panel. */
  readonly panelWidth: number;
  readonly winograd: boolean;
  readonly precision: Precision;
  readonly parameters: ParameterStore;
  #engine: NativeEngine | undefined;

  /** @internal use `createDevice` */
  constructor(engine: NativeEngine, { winograd = true, precision = "f32" }: DeviceOptions) {
    const info = engine.info();
    this.#engine = engine;
    this.isa = info.isa;
    this.threads = info.threads;
    this.panelWidth = info.panelWidth;
    this.winograd = winograd;
    this.precision = precision;
    this.parameters = new ParameterStore(this);
  }

  /** @internal */
  get engine(): NativeEngine {
    if (!this.#engine) throw new DisposedError("This device");
    return this.#engine;
  }

  /**
   * Memory that runs on this device read and write in place, where an ordinary array is copied: for large inputs and
   * `outputs` that are used again. Zeros at first. It may outlive the device.
   */
  allocate(length: number): Float32Array;
  allocate(length: number, dtype: "u8"): Uint8Array;
  allocate(length: number, dtype: "i32"): Int32Array;
  allocate(length: number, dtype: "f32" | "u8" | "i32" = "f32"): Float32Array | Uint8Array | Int32Array {
    if (!Number.isSafeInteger(length) || length < 0) {
      throw new InvalidArgumentError(`length: expected a whole number of elements, received ${length}`, {
        argument: "length",
        received: length,
      });
    }
    const kind = { f32: Float32Array, u8: Uint8Array, i32: Int32Array }[dtype];
    return new kind(this.engine.allocate(length * kind.BYTES_PER_ELEMENT));
  }

  /** Bytes held: parameters with their derived forms, and the arena and workspace that all programs share. */
  memory(): { parameters: number; scratch: number } {
    const info = this.engine.info();
    return { parameters: info.parameterBytes, scratch: info.scratchBytes };
  }

  /** Cancels what runs (its promises reject with `ERR_DISPOSED`) and frees all memory. A second call does nothing. */
  dispose(): void {
    this.#engine?.dispose();
    this.#engine = undefined;
  }

  [Symbol.dispose ?? Symbol.for("Symbol.dispose")](): void {
    this.dispose();
  }
}

/** Opens a device. `VIDEOCLIP_ISA=portable|avx2|avx512` forces an instruction set of the CPU backend. */
export function createDevice(options: DeviceOptions = {}): Device {
  const { device = "auto", threads = availableParallelism(), precision = "f32" } = options;
  if (!Number.isInteger(threads) || threads < 1 || threads > 256) {
    throw new InvalidArgumentError(`threads: expected an integer from 1 to 256, received ${threads}`, {
      argument: "threads",
      received: threads,
    });
  }
  if (!["auto", "cpu", "cuda"].includes(device)) {
    throw new InvalidArgumentError(`device: expected auto, cpu or cuda, received ${device}`, { argument: "device" });
  }
  if (!["f32", "bf16"].includes(precision)) {
    throw new InvalidArgumentError(`precision: expected f32 or bf16, received ${precision}`, { argument: "precision" });
  }
  const { addon } = loadAddon();
  if (device === "cuda") {
    throw new DeviceError("ERR_CUDA_UNAVAILABLE", `CUDA cannot be used: ${addon.cuda().reason}`);
  }
  const isa = chooseIsa(addon.isas());
  if (precision === "bf16" && !addon.isas()[isa].bf16) {
    throw new DeviceError(
      "ERR_PRECISION_UNAVAILABLE",
      "precision bf16: this processor has no bf16 dot products (AVX512-BF16), so it would only be slower: use f32",
    );
  }
  return new Device(new addon.Engine(isa, threads), options);
}

function chooseIsa(isas: { name: string; supported: boolean }[]): number {
  const wanted = process.env.VIDEOCLIP_ISA;
  if (!wanted) return isas.findLastIndex((isa) => isa.supported);
  const index = isas.findIndex((isa) => isa.name === wanted);
  if (index < 0 || !isas[index].supported) {
    const usable = isas.filter((isa) => isa.supported).map((isa) => isa.name);
    throw new DeviceError(
      "ERR_ISA_UNAVAILABLE",
      `VIDEOCLIP_ISA=${wanted} cannot be used here: expected one of ${usable.join(", ")}`,
    );
  }
  return index;
}

export interface DeviceReport {
  addon: { path: string } | { error: string };
  isa: string | null;
  isas: string[];
  threads: number;
  cuda: { usable: boolean; reason: string };
}

/** What `videoclip doctor` tells about this machine. Never throws. */
export function deviceReport(): DeviceReport {
  const threads = availableParallelism();
  try {
    const { addon, path } = loadAddon();
    const isas = addon.isas();
    const { usable, reason } = addon.cuda();
    return {
      addon: { path },
      isa: isas[chooseIsa(isas)].name,
      isas: isas.filter((isa) => isa.supported).map((isa) => isa.name),
      threads,
      cuda: { usable, reason },
    };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { addon: { error: message }, isa: null, isas: [], threads, cuda: { usable: false, reason: message } };
  }
}
