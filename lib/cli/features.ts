import type { Command } from "commander";
import { VIDEOCLIP_PRESETS } from "../models/videoclip/videoclip_config.js";
import { number } from "./options.js";

/** Options for the folder of `--features`: see OpenFeaturesOptions. */
export interface FeatureFlags {
  features?: string | undefined;
  videoModel?: string | undefined;
  videoWeights?: string | undefined;
  randomWeights?: number | undefined;
  s3dFc?: string | undefined;
}

/** Adds the options for `--features`. */
export const withFeatures = (command: Command): Command =>
  command
    .option("--s3d-fc <file>", "s3d_howto100m.pth: the public 1024-wide HowTo100M features go through its last layer")
    .option(
      "--video-model <name>",
      `the folder of --features holds videos, decoded on the fly: ${Object.keys(VIDEOCLIP_PRESETS).join(" or ")}, or a model's folder`,
    )
    .option("--video-weights <file>", "with --video-model: weights of its video encoder, where its folder has none")
    .option("--random-weights <seed>", "with --video-model: generated weights, for trying things out", number);
