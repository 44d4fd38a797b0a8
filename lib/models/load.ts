import { createDevice } from "../device.js";
import { InvalidArgumentError, WeightsError } from "../errors.js";
import { optimize } from "../graph/passes/index.js";
import { compile } from "../graph/program.js";
import { ProgramCache } from "../graph/program_cache.js";
import type { Tensor } from "../graph/tensor.js";
import { type Graph, input, PARAMETER, trace } from "../graph/trace.js";
import { globalMean, preprocess } from "../nn/layers.js";
import { hashParameter } from "../nn/random_weights.js";
import type { Preset } from "../video/types.js";
import { openWeights } from "../weights/index.js";
import { kyleminToTorchvision, recognise } from "../weights/published.js";
import { type StoredTensor, toFloat32 } from "../weights/tensor.js";
import type { VideoEncoder, VideoEncoderOptions } from "./encoder.js";
import { S3D, S3DG, s3dFeatures, s3dgHead, s3dHead } from "./s3d.js";

/** What each model can give, with its width. */
const OUTPUTS: Record<string, Record<string, number>> = {
  s3d: { mixed_5c: 1024, logits: 400 },
  s3dg: { mixed_5c: 1024, video_embedding: 512 },
};

function forward(model: string, output: string, preset: Preset, n: number): Graph {
  return trace(() => {
    const size = preset.crop;
    const frames = input("clips", [n, preset.frames, size, size, 3], "u8");
    const options = model === "s3d" ? S3D : S3DG;
    const cells = options.stem === "cells";
    const { mean, std } = preset;
    const video = preprocess(frames, { top: 0, left: 0, height: size, width: size, mean, std, spaceToDepth: cells });
    const map = s3dFeatures(video, options, cells);
    if (output === "mixed_5c") return { y: globalMean(map) };
    const heads: Record<string, Tensor> = model === "s3d" ? s3dHead(map, 400) : s3dgHead(map);
    return { y: heads[output] };
  });
}

/** Parameters of a graph by key. */
function parametersOf(graph: Graph): Map<string, readonly number[]> {
  const sources = graph.nodes.filter((node) => node.op === PARAMETER);
  return new Map(sources.map((node) => [node.attrs.key as string, node.outputs[0].shape]));
}

/** Keys that a published file has and a video encoder does not read. */
const IGNORED = /num_batches_tracked$|^text_module\.|^classifier\.|^fc\./;

/** Compares a file's tensors with what the model needs; throws one error that lists every difference. */
function checkKeys(file: string, needed: Map<string, readonly number[]>, tensors: Map<string, StoredTensor>): void {
  const missing = [...needed.keys()].filter((key) => !tensors.has(key));
  const wrong = [...needed].flatMap(([key, shape]) => {
    const found = tensors.get(key);
    return found && found.shape.join() !== shape.join()
      ? [`${key} (expected [${shape.join(", ")}], found [${found.shape.join(", ")}])`]
      : [];
  });
  const unexpected = [...tensors.keys()].filter((key) => !needed.has(key) && !IGNORED.test(key));
  const lists = [
    ["missing", missing],
    ["of the wrong shape", wrong],
    ["unexpected", unexpected],
  ] as const;
  if (missing.length + wrong.length + unexpected.length === 0) return;
  const text = lists
    .filter(([, list]) => list.length > 0)
    .map(([label, list]) => `${list.length} ${label}: ${list.slice(0, 8).join(", ")}${list.length > 8 ? ", ..." : ""}`);
  throw new WeightsError(`${file} does not fit the model; ${text.join("; ")}`, {
    file,
    expected: missing,
    received: unexpected,
  });
}

/** Random weights keep the signal in range: gates halve it, the norms before them double it. */
function randomFactor(key: string): number {
  if (/gating(_b\d)?\.fc\.weight$/.test(key)) return 0.25;
  return /(conv_2c\.bn2|conv_b0\.bn1|conv_b[12]_b\.bn2|conv_b3_b\.bn1)\.weight$/.test(key) ? 2 : 1;
}

async function loadParameters(options: VideoEncoderOptions, needed: Map<string, readonly number[]>) {
  if (options.randomWeights !== undefined) {
    const salt = `random/${options.randomWeights}/`;
    const values = [...needed].map(
      ([key, shape]) => [key, shape, hashParameter(salt, key, shape, randomFactor(key))] as const,
    );
    return { hash: `random:${options.randomWeights}`, values };
  }
  if (!options.weights) {
    throw new InvalidArgumentError(
      "weights: expected a weight file (or randomWeights with a seed, to try things out)",
      {
        argument: "weights",
      },
    );
  }
  const file = await openWeights(options.weights);
  const known = recognise(file);
  if (known && known.model !== options.model) {
    throw new WeightsError(`${options.weights} holds ${known.model} weights (${known.source}), not ${options.model}`, {
      file: options.weights,
      expected: options.model,
      received: known.model,
    });
  }
  const tensors = known?.source === "kylemin" ? kyleminToTorchvision(file.tensors) : file.tensors;
  checkKeys(options.weights, needed, tensors);
  const values = [...needed].map(([key, shape]) => [key, shape, toFloat32(tensors.get(key)!)] as const);
  return { hash: file.sha256.slice(0, 16), values };
}

/** Clips per program so that activations stay near 300 MB. */
function autoBatch(preset: Preset): number {
  const voxels = preset.frames * preset.crop * preset.crop;
  return Math.max(1, Math.min(16, Math.round((4 * 16 * 224 * 224) / voxels)));
}

/**
 * Loads a frozen video encoder.
 * @throws WeightsError with all missing, unexpected and wrong-shaped keys; InvalidArgumentError; DeviceError
 */
export async function loadVideoEncoder(options: VideoEncoderOptions): Promise<VideoEncoder> {
  const { model, preset, output = "mixed_5c", precision = "f32" } = options;
  const dim = OUTPUTS[model]?.[output];
  if (!OUTPUTS[model])
    throw new InvalidArgumentError(`model: expected s3d or s3dg, received ${model}`, { argument: "model" });
  if (!dim) {
    const names = Object.keys(OUTPUTS[model]).join(", ");
    throw new InvalidArgumentError(`output: expected one of ${names} for ${model}, received ${output}`, {
      argument: "output",
    });
  }
  if (precision !== "f32") throw new InvalidArgumentError(`precision: expected f32, received ${precision}`);
  const batch = options.batch === undefined || options.batch === "auto" ? autoBatch(preset) : options.batch;
  if (!Number.isInteger(batch) || batch < 1 || batch > 1024) {
    throw new InvalidArgumentError(`batch: expected 1 to 1024 or auto, received ${batch}`, { argument: "batch" });
  }
  const { hash, values } = await loadParameters(options, parametersOf(forward(model, output, preset, 1)));
  const device = createDevice({ device: options.device, threads: options.threads });
  for (const [key, shape, data] of values) device.parameters.set(key, shape, data);
  const programs = new ProgramCache();
  const clipBytes = preset.frames * preset.crop * preset.crop * 3;

  return {
    model,
    output,
    dim,
    device: `${device.name} (${device.isa}, ${device.threads} threads)`,
    preset,
    weightsHash: hash,
    batch,
    async encode(clips, n, { signal } = {}) {
      if (n < 1 || n > batch || clips.length !== n * clipBytes) {
        throw new InvalidArgumentError(
          `clips: expected 1 to ${batch} clips of ${clipBytes} bytes, received ${clips.length} bytes`,
        );
      }
      // few sizes, so few programs: the next power of two, at most the batch; a row does not depend on the others
      const rows = Math.min(batch, 2 ** Math.ceil(Math.log2(n)));
      const program = programs.get(`${rows}`, () => compile(optimize(forward(model, output, preset, rows)), device));
      let input = clips;
      if (rows > n) {
        input = new Uint8Array(rows * clipBytes);
        input.set(clips);
      }
      const { y } = await program.run({ clips: input }, { signal });
      return y.slice(0, n * dim);
    },
    dispose() {
      programs.clear();
      device.dispose();
    },
  };
}
