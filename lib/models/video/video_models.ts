import { InvalidArgumentError } from "../../base/errors.js";
import type { Tensor } from "../../graph/tensor.js";
import { globalMean } from "../../nn/layers.js";
import { S3D, S3DG, s3dFeatures, s3dgHead, s3dHead } from "./s3d.js";
import { S3D_TINY_WIDTH, s3dTiny } from "./s3d_tiny.js";
import { X3D, x3dFeatures, x3dHead, type X3DName } from "./x3d.js";

/** Video encoders by name. */
export type VideoModelName = "s3d" | "s3dg" | X3DName | "s3d-tiny";

/** Options of an output that publishers compute differently. */
export interface OutputOptions {
  /** The input is the space-to-depth blocks of the video instead of the video. Default false. */
  spaceToDepth?: boolean | undefined;
  /** X3D's `probabilities`: the values that are averaged over positions, see `x3dHead`. Default: logits. */
  average?: "logits" | "probabilities" | undefined;
}

interface VideoModel {
  /** The outputs with their widths; the first is the default. */
  outputs: Record<string, number>;
  /** Whether the network accepts space-to-depth blocks instead of the video. */
  spaceToDepth: boolean;
  /** Name of the default preset. */
  preset: string;
  /** Frames and side of the clips for which the publishers count multiply-adds. */
  clip: { frames: number; size: number };
  build(video: Tensor, output: string, options: OutputOptions): Tensor;
}

function x3d(name: X3DName): VideoModel {
  return {
    outputs: { features: 2048, conv_5: 432, logits: 400, probabilities: 400 },
    spaceToDepth: false,
    preset: name,
    clip: { frames: X3D[name].frames, size: X3D[name].trainCrop },
    build(video, output, { average }) {
      const heads: Record<string, Tensor> = x3dHead(x3dFeatures(video, X3D[name]), X3D[name], average);
      return heads[output];
    },
  };
}

/** All video encoders. @internal */
export const VIDEO_MODELS: Readonly<Record<VideoModelName, VideoModel>> = {
  s3d: {
    outputs: { mixed_5c: 1024, logits: 400 },
    spaceToDepth: S3D.stem === "space-to-depth",
    preset: "s3d",
    clip: { frames: 16, size: 224 },
    build(video, output, { spaceToDepth }) {
      const map = s3dFeatures(video, S3D, spaceToDepth);
      return output === "logits" ? s3dHead(map, 400).logits : globalMean(map);
    },
  },
  s3dg: {
    outputs: { mixed_5c: 1024, video_embedding: 512 },
    spaceToDepth: S3DG.stem === "space-to-depth",
    preset: "s3dg",
    clip: { frames: 32, size: 224 },
    build(video, output, { spaceToDepth }) {
      const heads: Record<string, Tensor> = s3dgHead(s3dFeatures(video, S3DG, spaceToDepth));
      return heads[output];
    },
  },
  "x3d-xs": x3d("x3d-xs"),
  "x3d-s": x3d("x3d-s"),
  "x3d-m": x3d("x3d-m"),
  "x3d-l": x3d("x3d-l"),
  "s3d-tiny": {
    outputs: { features: S3D_TINY_WIDTH },
    spaceToDepth: false,
    preset: "shapes",
    clip: { frames: 8, size: 64 },
    build: (video) => s3dTiny(video),
  },
};

/** Names of the video encoders, for options and messages. */
export const VIDEO_MODEL_NAMES = Object.keys(VIDEO_MODELS) as VideoModelName[];

/** Keys of published files that a video encoder does not always read. @internal */
export const OTHER_PARTS =
  /num_batches_tracked$|^text_module\.|^classifier\.|^fc\.|^blocks\.5\.(proj|pool\.post_conv)\.|^head\.(projection|lin_5)\./;

/**
 * An output of a model with its width; the default output without a name.
 * @throws InvalidArgumentError for an unknown model or output
 * @internal
 */
export function resolveOutput(model: string, output?: string): { output: string; dim: number } {
  if (!Object.hasOwn(VIDEO_MODELS, model)) {
    throw new InvalidArgumentError(`model: expected one of ${VIDEO_MODEL_NAMES.join(", ")}, received ${model}`, {
      argument: "model",
    });
  }
  const { outputs } = VIDEO_MODELS[model as VideoModelName];
  const name = output ?? Object.keys(outputs)[0];
  if (Object.hasOwn(outputs, name)) return { output: name, dim: outputs[name] };
  const names = Object.keys(outputs).join(", ");
  throw new InvalidArgumentError(`output: expected one of ${names} for ${model}, received ${name}`, {
    argument: "output",
  });
}

/** The output of a video `[N, T, H, W, 3]` or of its space-to-depth blocks: `[N, dim]`. @internal */
export function videoOutput(video: Tensor, model: VideoModelName, output: string, options: OutputOptions = {}): Tensor {
  return VIDEO_MODELS[model].build(video, output, options);
}
