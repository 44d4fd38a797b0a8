/// <reference lib="esnext.disposable" preserve="true" />
import { createDevice, type Device, type DeviceOptions, type Precision } from "../../runtime/device.js";
import { DisposedError, InvalidArgumentError, OutOfMemoryError } from "../../base/errors.js";
import { optimize } from "../../compile/passes/index.js";
import { compile } from "../../runtime/compile.js";
import { ProgramCache } from "../../runtime/program_cache.js";
import { type Graph, input, sortGraph, trace } from "../../graph/trace.js";
import { preprocess } from "../../nn/layers.js";
import type { PresetOverrides } from "../../video/presets.js";
import type { Preset } from "../../video/types.js";
import type { KeyMap } from "../../weights/rename.js";
import { type Clips, clipList } from "./clip_list.js";
import type { ClipEncoder, Rows } from "../encode_clips.js";
import { loadParameters, parametersOf, setRandomParameters } from "../parameters.js";
import { presetOf, videoModelOf } from "./video_model_of.js";
import {
  OTHER_PARTS,
  type OutputOptions,
  resolveOutput,
  VIDEO_MODELS,
  type VideoModelName,
  videoOutput,
} from "./video_models.js";
import type { VideoClipPreset } from "../videoclip/videoclip_config.js";

/** The network of a video encoder, its device and its preset. */
export interface VideoEncoderOptions extends DeviceOptions {
  /**
   * A network, or the preset of a VideoCLIP model whose features it makes. Not needed with the weights of a model's
   * folder.
   */
  model?: VideoModelName | VideoClipPreset | undefined;
  /**
   * How clips are made: the name of a preset, a whole preset, or changes of the model's default preset, such as
   * `{ fps: 5 }`. Default: the model's preset.
   */
  preset?: string | Preset | PresetOverrides | undefined;
  /**
   * S3D: `mixed_5c` (1024, the default), `logits` (400, s3d), `video_embedding` (512, s3dg). X3D: `features` (2048, the
   * default), `conv_5` (432), `logits` (400), `probabilities` (400, averaged over positions as the weights' publisher
   * does).
   */
  output?: string | undefined;
  /**
   * Clips per program, 1 to 1024. Default `auto`: the number that keeps activations near 150 MB. Rows do not depend on
   * it.
   */
  batch?: number | "auto" | undefined;
}

/** A video encoder with its weights. */
export interface LoadVideoEncoderOptions extends VideoEncoderOptions {
  /** Path of a weight file; or of the folder of a VideoCLIP model, for the encoder in it with that model's settings. */
  weights?: string | undefined;
  /** Maps the keys of the file to those of the model. Default: by the published layout of the file. */
  rename?: KeyMap | undefined;
  /** A seed for random weights instead of a file, for trials. */
  randomWeights?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** The properties of an encoder that are known before its weights are read. */
interface Plan {
  model: VideoModelName;
  output: string;
  dim: number;
  preset: Preset;
  batch: number | "auto";
  weights?: string | undefined;
}

/** A frozen video encoder: maps each clip of frames to a row. Frames stay bytes until they are on the device. */
export class VideoEncoder implements ClipEncoder {
  readonly model: VideoModelName;
  /** Name of the output, such as `mixed_5c` or `features`. */
  readonly output: string;
  /** Width of a row. */
  readonly dim: number;
  /** The rules by which clips are made. */
  readonly preset: Preset;
  /** First 16 hex digits of the SHA-256 of the weight file, or `random:SEED`. */
  readonly weightsHash: string;
  readonly device: Device;
  readonly #average: OutputOptions["average"];
  readonly #programs = new ProgramCache();
  #batch: number;
  #disposed = false;

  private constructor(plan: Plan, device: Device, weightsHash: string, average: OutputOptions["average"]) {
    this.model = plan.model;
    this.output = plan.output;
    this.dim = plan.dim;
    this.preset = plan.preset;
    this.#batch = plan.batch === "auto" ? autoBatch(plan.preset, device) : plan.batch;
    this.device = device;
    this.weightsHash = weightsHash;
    this.#average = average;
  }

  /**
   * Loads an encoder. Its weights are the first argument, or `options.weights`: a file, or the folder of a VideoCLIP model.
   * @throws WeightsError with all missing, unexpected and wrong-shaped keys; InvalidArgumentError; DeviceError
   */
  static load(weights: string, options?: LoadVideoEncoderOptions): Promise<VideoEncoder>;
  static load(options: LoadVideoEncoderOptions): Promise<VideoEncoder>;
  static async load(
    first: string | LoadVideoEncoderOptions = {},
    second: LoadVideoEncoderOptions = {},
  ): Promise<VideoEncoder> {
    const options = typeof first === "string" ? { ...second, weights: first } : first;
    const { randomWeights, rename, signal } = options;
    if (randomWeights !== undefined) return VideoEncoder.random(randomWeights, options);
    signal?.throwIfAborted();
    const plan = planOf(options);
    const device = createDevice(options);
    try {
      const from = { ...plan, rename, signal, ignored: OTHER_PARTS };
      const { hash, published } = await loadParameters(device.parameters, parametersOf(forward(plan, 1)), from);
      signal?.throwIfAborted();
      return new VideoEncoder(plan, device, hash, published?.average);
    } catch (error) {
      device.dispose();
      throw error;
    }
  }

  /**
   * An encoder with random weights, for trials and tests.
   * @throws InvalidArgumentError; DeviceError
   */
  static random(seed: number, options: VideoEncoderOptions = {}): VideoEncoder {
    const plan = planOf(options);
    const device = createDevice(options);
    try {
      const hash = setRandomParameters(device.parameters, parametersOf(forward(plan, 1)), seed);
      return new VideoEncoder(plan, device, hash, undefined);
    } catch (error) {
      device.dispose();
      throw error;
    }
  }

  get precision(): Precision {
    return this.device.precision;
  }

  /** Maximum clips per program; it is halved when the device has too little memory. */
  get batch(): number {
    return this.#batch;
  }

  /** The device, in words. */
  get description(): string {
    const { name, isGpu, hardware, backend, precision, threads } = this.device;
    return isGpu ? `${name} (${hardware}, ${precision})` : `${name} (${backend}, ${precision}, ${threads} threads)`;
  }

  /**
   * Encodes any number of clips, each u8 RGB `[T, H, W, 3]` row-major with `T = preset.frames` and
   * `H = W = preset.crop`. The clips must not change until the promise settles. Clips in a `SharedArrayBuffer` are read
   * without a copy on the event loop.
   * @param clips a list of clips, as bytes or as `openVideo` yields them, or their concatenated bytes
   * @returns f32 `[clips, dim]`
   * @throws InvalidArgumentError for clips of another size; DisposedError; the signal's reason
   */
  encode(clips: Clips, options?: { signal?: AbortSignal | undefined }): Promise<Rows>;
  /** @deprecated The number of clips follows from their bytes. */
  encode(clips: Clips, count: number, options?: { signal?: AbortSignal | undefined }): Promise<Rows>;
  async encode(
    clips: Clips,
    second: number | { signal?: AbortSignal | undefined } = {},
    third: { signal?: AbortSignal | undefined } = {},
  ): Promise<Rows> {
    const { signal } = typeof second === "number" ? third : second;
    const list = clipList(clips, this.preset, typeof second === "number" ? second : undefined);
    this.#check(signal);
    const data = new Float32Array(list.length * this.dim);
    for (let first = 0; first < list.length;) {
      const part = list.slice(first, first + this.#batch);
      try {
        data.set(await this.#run(part, signal), first * this.dim);
        first += part.length;
      } catch (error) {
        if (!(error instanceof OutOfMemoryError) || part.length === 1) throw error;
        this.#halve(part.length);
      }
    }
    return { data, shape: [list.length, this.dim] };
  }

  #check(signal: AbortSignal | undefined): void {
    if (this.#disposed) throw new DisposedError("This video encoder");
    signal?.throwIfAborted();
  }

  /** Computes the rows of at most a batch of clips. */
  async #run(clips: readonly Uint8Array[], signal: AbortSignal | undefined): Promise<Float32Array> {
    this.#check(signal);
    // the next power of two up to the batch, so that few programs are compiled; a row does not depend on the others
    const rows = Math.min(this.#batch, 2 ** Math.ceil(Math.log2(clips.length)));
    const program = this.#programs.get(`${rows}`, () =>
      compile(optimize(forward(this, rows, this.#average)), this.device),
    );
    const { y } = await program.run({ clips }, { signal });
    return y.subarray(0, clips.length * this.dim);
  }

  /** Halves the batch after memory was insufficient for `clips`. */
  #halve(clips: number): void {
    this.#programs.clear();
    const half = Math.ceil(clips / 2);
    if (half >= this.#batch) return; // another call has already halved it
    this.#batch = half;
    const { name } = this.device;
    process.emitWarning(`${name} has too little memory for ${clips} clips at a time: going on with ${half}`, {
      code: "VIDEOCLIP_BATCH_HALVED",
    });
  }

  /** Frees the programs and the weights, and the device unless it is shared. A second call does nothing. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#programs.clear();
    this.device.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** @deprecated Use `VideoEncoder.load`. */
export function loadVideoEncoder(options: LoadVideoEncoderOptions): Promise<VideoEncoder> {
  return VideoEncoder.load(options);
}

/** @throws InvalidArgumentError */
function planOf(options: LoadVideoEncoderOptions): Plan {
  const choice = videoModelOf(options);
  const { model, weights } = choice;
  const preset = presetOf(choice, options.preset);
  const { batch = "auto" } = options;
  if (batch !== "auto" && !(Number.isInteger(batch) && batch >= 1 && batch <= 1024)) {
    throw new InvalidArgumentError(`batch: expected 1 to 1024 or auto, received ${batch}`, {
      argument: "batch",
      received: batch,
    });
  }
  return { model, ...resolveOutput(model, options.output ?? choice.output), preset, batch, weights };
}

/**
 * Clips per program. On a CPU they keep activations near 150 MB; twice as many are only 1 % faster on two cores. A GPU needs 16
 * times as many to fill its multiprocessors; where its memory is too small, the encoder halves the batch.
 */
function autoBatch(preset: Preset, device: Device): number {
  const isGpu = device.backend === "cuda"; // the emulator runs on the CPU
  const [clips, most] = isGpu ? [32, 256] : [2, 16];
  const voxels = preset.frames * preset.crop * preset.crop;
  const wanted = Math.max(1, Math.min(most, Math.round((clips * 16 * 224 * 224) / voxels)));
  return isGpu ? 2 ** Math.floor(Math.log2(wanted)) : wanted;
}

function forward(
  { model, output, preset }: Pick<Plan, "model" | "output" | "preset">,
  n: number,
  average?: OutputOptions["average"],
): Graph {
  const graph = trace(() => {
    const size = preset.crop;
    const frames = input("clips", [n, preset.frames, size, size, 3], "u8");
    const { spaceToDepth } = VIDEO_MODELS[model];
    const { mean, std } = preset;
    const video = preprocess(frames, { top: 0, left: 0, height: size, width: size, mean, std, spaceToDepth });
    return { y: videoOutput(video, model, output, { spaceToDepth, average }) };
  });
  return sortGraph(graph); // drops the nodes of other outputs
}
