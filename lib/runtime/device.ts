/// <reference lib="esnext.disposable" preserve="true" />
import { types } from "node:util";
import { loadAddon, type NativeEngine } from "./binding.js";
import { cpuQuota, usableCores } from "../base/cpu_quota.js";
import { DeviceError, DisposedError, InvalidArgumentError } from "../base/errors.js";
import { ParameterStore } from "./parameter_store.js";
import { wrongArgument } from "../graph/rules.js";
import { checkMemory } from "../base/memory_limit.js";
import { nativeError } from "./native_error.js";
import { checkPrecision, cpuPrecision, gpuPrecision, type Precision, type PrecisionChoice } from "./precision.js";

export type { Precision, PrecisionChoice } from "./precision.js";

/** `cuda:1` is the second GPU; `cuda-emulated` runs the CUDA kernels on the host, slowly and in test builds only. */
export type DeviceName = "auto" | "cpu" | "cuda" | `cuda:${number}` | "cuda-emulated" | `cuda-emulated:${number}`;

export interface DeviceOptions {
  /**
   * `auto` uses CUDA if it is available and the CPU otherwise; `cuda` throws with the reason if it is not available. A
   * `Device` is shared: models use its engine and threads, and leave it open when they are disposed.
   */
  device?: DeviceName | Device | undefined;
  /** Compute threads of the CPU, 1 to 256. Default: the cores of this process. Results do not depend on it. */
  threads?: number | undefined;
  /**
   * `bf16` on a CPU: values between layers and the weights of convolutions and linear layers are bf16, and sums are f32;
   * Winograd's convolutions and depthwise convolutions compute in f32. In training, values between layers stay
   * f32 and all matrix products except those of attention round their operands. It is refused on a CPU where it would
   * be slower than f32. On a GPU `bf16` and `f16` are the types of all activations. `auto` is bf16 where it is faster
   * than f32, and f32 elsewhere; the features of the video models are then within 0.02 (relative L2) of those in f32.
   * `bf16x3` is for inference on a CPU with a matrix unit; training computes in f32 with it. Default `f32`.
   */
  precision?: PrecisionChoice | undefined;
  /**
   * Compute 1x3x3 and 3x1x1 convolutions of models by Winograd's minimal filtering if that is faster. Default true. A
   * layer's relative error is then about 1e-6 instead of 3e-7.
   */
  winograd?: boolean | undefined;
}

/** An engine and the state that all devices on it share. */
interface SharedEngine {
  /** Undefined after the device that opened it was disposed. */
  engine: NativeEngine | undefined;
  /** Id of the next parameter, unique in the engine. */
  nextParameter: number;
}

/**
 * A place to compute: an engine with its thread and thread pool, and a parameter store. Models with the same `device`
 * share its engine; each has a separate parameter store.
 */
export class Device {
  readonly name: string;
  readonly isGpu: boolean;
  /** Implementation of the kernels: an instruction set of the CPU (such as `portable`, `avx2` or `neon`) or `cuda`. */
  readonly backend: string;
  readonly threads: number;
  /** Name of the GPU; empty for a CPU. */
  readonly hardware: string;
  /** Columns of a packed weight panel. */
  readonly panelWidth: number;
  /** The most pairs of bf16 in a step of a product by the tiles of a matrix unit; 0 without tiles. */
  readonly tileDepth: number;
  readonly winograd: boolean;
  readonly precision: Precision;
  readonly parameters: ParameterStore;
  readonly #shared: SharedEngine;
  readonly #ownsEngine: boolean;
  readonly #running = new Set<number>();
  #disposed = false;

  /** @internal use `createDevice` */
  constructor(
    name: string,
    from: NativeEngine | Device,
    { winograd = true, precision = "f32" }: { winograd?: boolean | undefined; precision?: Precision | undefined },
  ) {
    this.#ownsEngine = !(from instanceof Device);
    this.#shared = from instanceof Device ? from.#shared : { engine: from, nextParameter: 1 };
    const info = this.engine.info();
    this.name = name;
    this.isGpu = name.startsWith("cuda");
    this.backend = info.backend;
    this.threads = info.threads;
    this.hardware = info.hardware;
    this.panelWidth = info.panelWidth;
    this.tileDepth = info.tileDepth;
    this.winograd = winograd;
    this.precision = precision;
    this.parameters = new ParameterStore(this);
  }

  /** @deprecated Use `backend`. */
  get isa(): string {
    return this.backend;
  }

  /** @internal */
  get engine(): NativeEngine {
    const { engine } = this.#shared;
    if (this.#disposed || !engine) throw new DisposedError("This device");
    return engine;
  }

  /** Whether this device, or the one that opened its engine, was disposed. */
  get disposed(): boolean {
    return this.#disposed || this.#shared.engine === undefined;
  }

  /** An id for a parameter that is unique in the engine. @internal */
  nextParameterId(): number {
    return this.#shared.nextParameter++;
  }

  /** Runs that `dispose` cancels. @internal */
  get running(): Set<number> {
    return this.#running;
  }

  /** Calls native code; its errors become errors of this package. @internal */
  native<T>(call: (engine: NativeEngine) => T): T {
    try {
      return call(this.engine);
    } catch (cause) {
      throw nativeError(cause);
    }
  }

  /**
   * Memory that runs on this device read and write in place, while ordinary arrays are copied: for large inputs and
   * `outputs` that are reused. Initially zeros. It may outlive the device.
   */
  allocate(length: number): Float32Array;
  allocate(length: number, dtype: "u8"): Uint8Array;
  allocate(length: number, dtype: "i32"): Int32Array;
  allocate(length: number, dtype: "f32" | "u8" | "i32" = "f32"): Float32Array | Uint8Array | Int32Array {
    if (!Number.isSafeInteger(length) || length < 0) {
      throw wrongArgument("allocate", "length", "a whole number of elements", length);
    }
    const kinds = { f32: Float32Array, u8: Uint8Array, i32: Int32Array };
    if (!Object.hasOwn(kinds, dtype)) throw wrongArgument("allocate", "dtype", "f32, u8 or i32", dtype);
    const kind = kinds[dtype];
    checkMemory("allocate", [length * kind.BYTES_PER_ELEMENT]);
    return new kind(this.native((engine) => engine.allocate(length * kind.BYTES_PER_ELEMENT)));
  }

  /**
   * Pins memory that lives long and is filled again and again, such as the clips of a decoder: a GPU then copies from it
   * directly, where other arrays are first copied to pinned memory. Runs read and write arrays on pinned memory in
   * place, so do not change them until the run has ended. Pin memory once and not for each run, because pinning takes
   * longer than a copy. It stays pinned, and is kept alive, until `unpin` or until the device that opened the engine is
   * disposed. An `ArrayBuffer` must not be transferred while it is pinned. Does nothing on a CPU.
   * @throws InvalidArgumentError for memory that is pinned already; OutOfMemoryError if the system cannot pin as much;
   *   DeviceError; DisposedError
   */
  pin(buffer: ArrayBuffer | SharedArrayBuffer): void {
    const bytes = bytesToPin("pin", buffer);
    this.native((engine) => engine.pin(bytes));
  }

  /**
   * Ends `pin`. Does nothing on a CPU, and after the engine has ended, which unpins everything.
   * @throws InvalidArgumentError for memory that is not pinned; VideoClipError `ERR_BUSY` while a run uses it
   */
  unpin(buffer: ArrayBuffer | SharedArrayBuffer): void {
    const bytes = bytesToPin("unpin", buffer);
    const { engine } = this.#shared; // also of a device that was disposed and shares the engine of another
    try {
      engine?.unpin(bytes);
    } catch (cause) {
      throw nativeError(cause);
    }
  }

  /**
   * Bytes of an open file as memory that runs read in place, filled from the file on access. CPU only.
   * @throws DeviceError `ERR_UNSUPPORTED` if files cannot be mapped
   * @internal
   */
  map(file: number, offset: number, bytes: number): ArrayBuffer {
    return this.native((engine) => engine.map(file, offset, bytes));
  }

  /** Bytes in use: parameters with their derived forms, and the arena and workspace that all programs share. */
  memory(): { parameters: number; scratch: number } {
    const info = this.engine.info();
    return { parameters: info.parameterBytes, scratch: info.scratchBytes };
  }

  /**
   * Cancels all runs on this device (their promises reject with `ERR_DISPOSED`) and frees its parameters. The device
   * that opened the engine also ends the engine, and with it all devices that share it. A second call does nothing.
   */
  dispose(): void {
    if (this.disposed) return;
    const { engine } = this;
    if (this.#ownsEngine) {
      this.#shared.engine = undefined;
      engine.dispose();
    } else {
      for (const job of this.#running) engine.cancel(job);
      this.parameters.clear();
    }
    this.#disposed = true;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** All bytes of a buffer that can be pinned. @throws InvalidArgumentError */
function bytesToPin(call: string, buffer: ArrayBuffer | SharedArrayBuffer): Uint8Array {
  const expected = "an ArrayBuffer or SharedArrayBuffer of fixed length that is not empty";
  if (!types.isAnyArrayBuffer(buffer) || buffer.byteLength === 0) throw wrongArgument(call, "buffer", expected, buffer);
  const { resizable = false, growable = false } = buffer as { resizable?: boolean; growable?: boolean };
  if (resizable || growable) throw wrongArgument(call, "buffer", expected, buffer);
  return new Uint8Array(buffer);
}

/**
 * Opens a device, or shares the one in `options.device`. `VIDEOCLIP_ISA=portable|neon|neon-bf16|avx2|avx512|amx` forces a CPU backend.
 * @throws InvalidArgumentError; DeviceError for a device or a precision that this machine does not have
 */
export function createDevice(options: DeviceOptions = {}): Device {
  if (options.device instanceof Device) return shareDevice(options.device, options);
  const { device = "auto", threads = usableCores(), precision = "f32" } = options;
  if (!Number.isInteger(threads) || threads < 1 || threads > 256) {
    throw new InvalidArgumentError(`threads: expected an integer from 1 to 256, received ${threads}`, {
      argument: "threads",
      received: threads,
    });
  }
  if (!/^(auto|cpu|cuda|cuda:\d+|cuda-emulated(:\d+)?)$/.test(device)) {
    throw new InvalidArgumentError(`device: expected auto, cpu, cuda, cuda:N or a Device, received ${device}`, {
      argument: "device",
      received: device,
    });
  }
  checkPrecision(precision);
  const { addon } = loadAddon();
  const onGpu = () => ({ winograd: options.winograd, precision: gpuPrecision(precision) });
  if (device.startsWith("cuda-emulated")) return openEmulated(Number(device.split(":")[1] ?? 0), onGpu());
  if (device.startsWith("cuda") || (device === "auto" && addon.cuda().usable)) {
    const gpu = openCuda(Number(device.split(":")[1] ?? 0), onGpu());
    if (!("reason" in gpu)) return gpu;
    if (device !== "auto") throw new DeviceError("ERR_CUDA_UNAVAILABLE", `CUDA cannot be used: ${gpu.reason}`);
  }
  const isa = chooseIsa(addon.isas());
  const chosen = cpuPrecision(precision, addon.isas()[isa]);
  return new Device("cpu", new addon.Engine(isa, threads), { winograd: options.winograd, precision: chosen });
}

/** A device on the engine of another device, which also gives the defaults of `precision` and `winograd`. */
function shareDevice(device: Device, options: DeviceOptions): Device {
  const { threads, precision = device.precision, winograd = device.winograd } = options;
  if (device.disposed) throw new DisposedError("This device");
  if (threads !== undefined && threads !== device.threads) {
    throw new InvalidArgumentError(
      `threads: expected ${device.threads}, those of the shared device, or none, received ${threads}`,
      { argument: "threads", expected: device.threads, received: threads },
    );
  }
  checkPrecision(precision);
  const isa = loadAddon()
    .addon.isas()
    .find(({ name }) => name === device.backend);
  const chosen = device.isGpu ? gpuPrecision(precision) : cpuPrecision(precision, isa!);
  return new Device(device.name, device, { precision: chosen, winograd });
}

/** The options of a device whose precision is chosen. */
type Chosen = { winograd: boolean | undefined; precision: Precision };

function openCuda(index: number, options: Chosen): Device | { reason: string } {
  const { addon } = loadAddon();
  const { usable, reason } = addon.cuda();
  if (!usable) return { reason };
  try {
    return new Device(`cuda:${index}`, new addon.Engine(addon.gpus().cuda, index), options);
  } catch (cause) {
    return { reason: cause instanceof Error ? cause.message : String(cause) };
  }
}

function openEmulated(index: number, options: Chosen): Device {
  const { addon } = loadAddon();
  const { emulated } = addon.gpus();
  if (emulated === null) {
    throw new DeviceError("ERR_CUDA_UNAVAILABLE", "device cuda-emulated is in test builds only (VIDEOCLIP_EMULATOR)");
  }
  const name = index === 0 ? "cuda-emulated" : `cuda-emulated:${index}`;
  try {
    return new Device(name, new addon.Engine(emulated, index), options);
  } catch (cause) {
    throw new DeviceError("ERR_CUDA_UNAVAILABLE", `device ${name}: ${(cause as Error).message}`, { cause });
  }
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
  /** Whether the CPU computes faster in bf16 than in f32, or why not. */
  bf16: { usable: boolean; reason: string };
  /** Whether the kernels use the matrix unit of the CPU (Intel's AMX), or why not. */
  matrixUnit: { usable: boolean; reason: string };
  threads: number;
  /** Number of cores that the control groups of this process allow; absent without a quota. */
  cpuQuota?: number | undefined;
  cuda: { usable: boolean; reason: string };
}

/** The report of `videoclip doctor` on this machine. Never throws. */
export function deviceReport(): DeviceReport {
  const threads = usableCores();
  const quota = cpuQuota();
  const cpu = Number.isFinite(quota) ? { threads, cpuQuota: quota } : { threads };
  try {
    const { addon, path } = loadAddon();
    const isas = addon.isas();
    const { usable, reason } = addon.cuda();
    const isa = isas[chooseIsa(isas)];
    const unit = addon.matrixUnit() ?? (isa.tileDepth > 0 ? null : `VIDEOCLIP_ISA is ${isa.name}`);
    return {
      addon: { path },
      isa: isa.name,
      isas: isas.filter(({ name, supported }) => supported && name !== "amx-emulated").map(({ name }) => name),
      bf16: { usable: isa.bf16Refusal === null, reason: isa.bf16Refusal ?? "" },
      matrixUnit: { usable: unit === null, reason: unit ?? "" },
      ...cpu,
      cuda: { usable, reason },
    };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const none = { usable: false, reason: message };
    return { addon: { error: message }, isa: null, isas: [], bf16: none, matrixUnit: none, ...cpu, cuda: none };
  }
}
