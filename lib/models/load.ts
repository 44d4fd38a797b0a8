import { createDevice } from "../device.js";
import { InvalidArgumentError, OutOfMemoryError } from "../errors.js";
import { optimize } from "../graph/passes/index.js";
import { compile } from "../graph/program.js";
import { ProgramCache } from "../graph/program_cache.js";
import { type Graph, input, sortGraph, trace } from "../graph/trace.js";
import { preprocess } from "../nn/layers.js";
import type { Preset } from "../video/types.js";
import type { VideoEncoder, VideoEncoderOptions } from "./encoder.js";
import { type LoadedParameters, loadParameters, parametersOf } from "./parameters.js";
import {
  OTHER_PARTS,
  type OutputOptions,
  resolveOutput,
  VIDEO_MODELS,
  type VideoModelName,
  videoOutput,
} from "./video_models.js";

function forward(
  model: VideoModelName,
  output: string,
  preset: Preset,
  n: number,
  average?: OutputOptions["average"],
): Graph {
  const graph = trace(() => {
    const size = preset.crop;
    const frames = input("clips", [n, preset.frames, size, size, 3], "u8");
    const { cells } = VIDEO_MODELS[model];
    const { mean, std } = preset;
    const video = preprocess(frames, { top: 0, left: 0, height: size, width: size, mean, std, spaceToDepth: cells });
    return { y: videoOutput(video, model, output, { cells, average }) };
  });
  return sortGraph(graph); // without what other outputs need
}

/** Clips per program so that activations stay near 150 MB: twice as many are 1 % faster on two cores. */
function autoBatch(preset: Preset): number {
  const voxels = preset.frames * preset.crop * preset.crop;
  return Math.max(1, Math.min(16, Math.round((2 * 16 * 224 * 224) / voxels)));
}

/**
 * Loads a frozen video encoder.
 * @throws WeightsError with all missing, unexpected and wrong-shaped keys; InvalidArgumentError; DeviceError
 */
export async function loadVideoEncoder(options: VideoEncoderOptions): Promise<VideoEncoder> {
  const { model, preset } = options;
  const { output, dim } = resolveOutput(model, options.output);
  const batch = options.batch === undefined || options.batch === "auto" ? autoBatch(preset) : options.batch;
  if (!Number.isInteger(batch) || batch < 1 || batch > 1024) {
    throw new InvalidArgumentError(`batch: expected 1 to 1024 or auto, received ${batch}`, { argument: "batch" });
  }
  const device = createDevice(options);
  let loaded: LoadedParameters;
  try {
    const needed = parametersOf(forward(model, output, preset, 1));
    loaded = await loadParameters(device.parameters, needed, { ...options, ignored: OTHER_PARTS });
  } catch (error) {
    device.dispose();
    throw error;
  }
  const programs = new ProgramCache();
  const clipBytes = preset.frames * preset.crop * preset.crop * 3;
  /** Clips that the device has memory for, as far as we know. */
  let fits = batch;

  async function encodeBatch(clips: Uint8Array, n: number, signal?: AbortSignal): Promise<Float32Array> {
    // few sizes, so few programs: the next power of two, at most the batch; a row does not depend on the others
    const rows = Math.min(fits, 2 ** Math.ceil(Math.log2(n)));
    const program = programs.get(`${rows}`, () =>
      compile(optimize(forward(model, output, preset, rows, loaded.published?.average)), device),
    );
    let input = clips;
    if (rows > n) {
      input = new Uint8Array(rows * clipBytes);
      input.set(clips);
    }
    const { y } = await program.run({ clips: input }, { signal });
    return y.subarray(0, n * dim);
  }

  return {
    model,
    output,
    dim,
    device: device.isGpu
      ? `${device.name} (${device.hardware}, ${device.precision})`
      : `${device.name} (${device.isa}, ${device.precision}, ${device.threads} threads)`,
    precision: device.precision,
    preset,
    weightsHash: loaded.hash,
    batch,
    async encode(clips, n, { signal } = {}) {
      if (n < 1 || n > batch || clips.length !== n * clipBytes) {
        throw new InvalidArgumentError(
          `clips: expected 1 to ${batch} clips of ${clipBytes} bytes, received ${clips.length} bytes`,
        );
      }
      const features = new Float32Array(n * dim);
      for (let first = 0; first < n;) {
        const count = Math.min(fits, n - first);
        const part = clips.subarray(first * clipBytes, (first + count) * clipBytes);
        try {
          features.set(await encodeBatch(part, count, signal), first * dim);
          first += count;
        } catch (error) {
          if (!(error instanceof OutOfMemoryError) || count === 1) throw error;
          programs.clear();
          fits = Math.ceil(count / 2);
          process.emitWarning(
            `${device.name} has too little memory for ${count} clips at a time: going on with ${fits}`,
            {
              code: "VIDEOCLIP_BATCH_HALVED",
            },
          );
        }
      }
      return features;
    },
    dispose() {
      programs.clear();
      device.dispose();
    },
  };
}
