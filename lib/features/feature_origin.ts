import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { hashFile } from "../data/pack.js";
import { InvalidArgumentError } from "../base/errors.js";
import { VIDEO_MODEL_FILE, videoModelOfFolder } from "../models/video/video_model_of.js";

/**
 * Compares the origin of features with the video encoder in the folder of a VideoCLIP model, which was trained on
 * features of that encoder: of others, even of the same network, it gives a ranking without meaning. Facts that are
 * missing, as for files of other programs, are not compared.
 * @param settings of the features, from their manifest
 * @param path of the model; without a video encoder in the folder nothing is compared
 * @throws InvalidArgumentError for another network or other weights, by the hash of the weight file
 */
export async function checkFeatureOrigin(settings: Record<string, unknown>, path: string): Promise<void> {
  const weights = join(path, VIDEO_MODEL_FILE);
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory() || !existsSync(weights)) return;
  const { model } = videoModelOfFolder(path);
  const own: Record<string, unknown> = { model, weights: (await hashFile(weights)).slice(0, 16) };
  for (const key of ["model", "weights"]) {
    const [expected, received] = [own[key], settings[key]];
    if (received === undefined || expected === received) continue;
    const same = key === "weights" ? " (right where both files have the same weights in other formats)" : "";
    throw new InvalidArgumentError(
      `features: they were made with ${key} ${String(received)}, and the video encoder in ${path} has ${String(expected)}: extract them with --model ${path}, or add --any-weights to take them as they are${same}`,
      { argument: "features", expected, received },
    );
  }
}
