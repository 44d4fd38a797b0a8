import { existsSync } from "node:fs";
import type { Command } from "commander";
import { FeatureFolder } from "../data/feature_folder.js";
import { type FeatureSource, ProjectedFeatures } from "../data/feature_source.js";
import { InvalidArgumentError } from "../errors.js";
import { DecodedFeatures } from "../features/decoded_features.js";
import { VIDEOCLIP_PRESETS, type VideoClipPreset } from "../models/videoclip_config.js";
import { videoModelOfFolder } from "../models/video_model_of.js";
import { number } from "./options.js";

/** Where a command takes features from. */
export interface FeatureFlags {
  features?: string;
  videoModel?: string;
  videoWeights?: string;
  randomWeights?: number;
  s3dFc?: string;
}

/** Adds what may stand beside `--features`. */
export const withFeatures = (command: Command): Command =>
  command
    .option("--s3d-fc <file>", "s3d_howto100m.pth: the public 1024-wide HowTo100M features go through its last layer")
    .option(
      "--video-model <name>",
      `the folder of --features holds videos, decoded on the fly: ${Object.keys(VIDEOCLIP_PRESETS).join(" or ")}, or a model's folder`,
    )
    .option("--video-weights <file>", "with --video-model: weights of its video encoder, where its folder has none")
    .option("--random-weights <seed>", "with --video-model: generated weights, for trying things out", number);

/** Opens what the flags say; `dispose` frees it. */
export async function openFeatures(
  folder: string,
  { videoModel, videoWeights, randomWeights, s3dFc }: FeatureFlags,
  signal?: AbortSignal,
): Promise<FeatureSource & { dispose?(): void }> {
  if (videoModel === undefined) {
    if (videoWeights !== undefined || randomWeights !== undefined) {
      throw new InvalidArgumentError("--video-weights: expected --video-model beside it", {
        argument: "video-weights",
      });
    }
    const source = new FeatureFolder(folder);
    return s3dFc === undefined ? source : ProjectedFeatures.open(source, s3dFc);
  }
  if (s3dFc !== undefined) {
    throw new InvalidArgumentError("--s3d-fc: expected features, not videos, of which --video-model speaks", {
      argument: "s3d-fc",
    });
  }
  const { weights, ...model } = encoderOf(videoModel);
  return new DecodedFeatures(folder, model, { weights: videoWeights ?? weights, randomWeights, signal });
}

function encoderOf(name: string): ReturnType<typeof videoModelOfFolder> {
  if (Object.hasOwn(VIDEOCLIP_PRESETS, name)) return VIDEOCLIP_PRESETS[name as VideoClipPreset].videoModel!;
  if (existsSync(name)) return videoModelOfFolder(name);
  throw new InvalidArgumentError(
    `--video-model: expected ${Object.keys(VIDEOCLIP_PRESETS).join(", ")} or a model's folder, received ${name}`,
    { argument: "video-model", received: name },
  );
}
