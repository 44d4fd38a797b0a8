import { existsSync } from "node:fs";
import { FeatureFolder } from "../data/feature_folder.js";
import type { FeatureSource } from "../data/feature_source.js";
import { InvalidArgumentError } from "../base/errors.js";
import { VIDEOCLIP_PRESETS, type VideoClipPreset } from "../models/videoclip/videoclip_config.js";
import { videoModelOfFolder } from "../models/video/video_model_of.js";
import { DecodedFeatures } from "./decoded_features.js";
import { ProjectedFeatures } from "./projected_features.js";

/** The kind of a folder. Default: a folder of features. */
export interface OpenFeaturesOptions {
  /** The folder holds videos, decoded when they are read: `videoclip`, `videoclip-light`, or the folder of a VideoCLIP model. */
  videoModel?: string | undefined;
  /** With `videoModel`: weights of its video encoder, if its folder has none. */
  videoWeights?: string | undefined;
  /** With `videoModel`: seed of random weights, for trials. */
  randomWeights?: number | undefined;
  /**
   * `s3d_howto100m.pth`: its last layer is applied to the public features of HowTo100M, which are 1024 wide. Not with
   * `videoModel`.
   */
  s3dFc?: string | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Opens a folder of features, or of videos whose features are computed on every read, for packing, training and
 * evaluation.
 * @returns the source; `dispose`, if it exists, frees the video encoder
 * @throws InvalidArgumentError for options that exclude each other; DatasetError for a folder without files;
 * WeightsError
 */
export async function openFeatures(
  folder: string,
  { videoModel, videoWeights, randomWeights, s3dFc, signal }: OpenFeaturesOptions = {},
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
