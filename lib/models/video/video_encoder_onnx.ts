import { InvalidArgumentError } from "../../base/errors.js";
import { permute } from "../../ops/index.js";
import { applyOp, type Graph, input, sortGraph, trace } from "../../graph/trace.js";
import { loadParameters, parametersOf } from "../parameters.js";
import type { LoadVideoEncoderOptions } from "./video_encoder.js";
import { presetOf, videoModelOf } from "./video_model_of.js";
import { OTHER_PARTS, type OutputOptions, resolveOutput, videoOutput } from "./video_models.js";
import type { OnnxModel } from "../../onnx/model.js";
import { toOnnx } from "../../onnx/to_onnx.js";

/** Options of `traceVideoEncoder` and `videoEncoderToOnnx`: a video encoder without a device. */
export interface VideoEncoderOnnxOptions extends Pick<
  LoadVideoEncoderOptions,
  "model" | "preset" | "output" | "weights" | "rename" | "randomWeights"
> {
  /** Batch size of the model. Default 1. */
  batch?: number | undefined;
}

/**
 * The graph of a video encoder with its publishers' input: `video`, f32 `[N, 3, T, H, W]`, normalised with the preset's
 * mean and std (`(x / 255 - mean) / std`). It has one output `[N, dim]` with the name of the output.
 * @throws InvalidArgumentError for an unknown model or output; ShapeError when the clip is too small
 */
export function traceVideoEncoder(
  options: Omit<VideoEncoderOnnxOptions, "weights" | "rename" | "randomWeights"> & {
    /**
     * The values of X3D's `probabilities` that are averaged over positions; SlowFast averages probabilities. Default:
     * logits.
     */
    average?: OutputOptions["average"] | undefined;
    /** @deprecated `slowfast` means `average: "probabilities"`; parameters have PyTorchVideo's names in any case. */
    source?: string | undefined;
  },
): Graph {
  const { batch = 1, source } = options;
  const { model, output, preset } = chosen(options);
  const average = options.average ?? (source === "slowfast" ? "probabilities" : undefined);
  if (!Number.isInteger(batch) || batch < 1 || batch > 1024) {
    throw new InvalidArgumentError(`batch: expected 1 to 1024, received ${batch}`, { argument: "batch" });
  }
  const graph = trace(() => {
    const video = input("video", [batch, 3, preset.frames, preset.crop, preset.crop]);
    const [last] = applyOp(permute, [video], { order: [0, 2, 3, 4, 1] });
    return { [output]: videoOutput(last, model, output, { average }) };
  });
  return sortGraph(graph); // drops the nodes of other outputs
}

/**
 * A video encoder as an ONNX model; see `traceVideoEncoder` for its input. Its metadata has the preset and the weights'
 * hash.
 * @throws WeightsError with all missing, unexpected and wrong-shaped keys; InvalidArgumentError; ShapeError
 */
export async function videoEncoderToOnnx(options: VideoEncoderOnnxOptions): Promise<OnnxModel> {
  const { model, output, preset, weights } = chosen(options);
  const values = new Map<string, Float32Array>();
  const store = { set: (key: string, _shape: readonly number[], data: Float32Array) => void values.set(key, data) };
  const needed = parametersOf(traceVideoEncoder(options));
  const source = { ...options, model, weights, ignored: OTHER_PARTS };
  const { hash, published } = await loadParameters(store, needed, source);
  const metadata = { model, output, weights: hash, preset: JSON.stringify(preset) };
  const graph = traceVideoEncoder({ ...options, average: published?.average });
  return toOnnx(graph, (key) => values.get(key)!, { name: model, metadata });
}

/** The network, its output and its preset. @throws InvalidArgumentError */
function chosen(options: Pick<VideoEncoderOnnxOptions, "model" | "output" | "preset" | "weights">) {
  const choice = videoModelOf(options);
  const { output } = resolveOutput(choice.model, options.output ?? choice.output);
  return { model: choice.model, output, preset: presetOf(choice, options.preset), weights: choice.weights };
}
