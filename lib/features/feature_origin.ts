import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { hashFile } from "../data/pack.js";
import { InvalidArgumentError } from "../base/errors.js";
import { VIDEO_MODEL_FILE, videoModelOfFolder } from "../models/video/video_model_of.js";

/**
 * Compares the origin of features with the video encoder in the folder of a VideoCLIP model, which was trained on
 * features of that encoder. Another network and random weights are refused. Another weight file only gives a note,
 * since it may have the same weights in another format. Missing facts are not compared.
 * @param settings of the features, from their manifest
 * @param path of the model; without a video encoder in the folder nothing is compared
 * @returns a sentence for the user; undefined if everything agrees
 * @throws InvalidArgumentError
 */
export async function checkFeatureOrigin(settings: Record<string, unknown>, path: string): Promise<string | undefined> {
  const weights = join(path, VIDEO_MODEL_FILE);
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory() || !existsSync(weights)) return undefined;
  const { model } = videoModelOfFolder(path);
  const own: Record<string, unknown> = { model, weights: (await hashFile(weights)).slice(0, 16) };
  for (const key of ["model", "weights"]) {
    const [expected, received] = [own[key], settings[key]];
    if (received === undefined || expected === received) continue;
    const what = `they were made with ${key} ${String(received)}, and the video encoder in ${path} has ${String(expected)}`;
    if (key === "weights" && !String(received).startsWith("random:"))
      return `features: ${what}; unless these are the same weights in another file, extract them with --model ${path}`;
    const message = `features: ${what}: extract them with --model ${path}, or add --any-weights to index them as they are`;
    throw new InvalidArgumentError(message, { argument: "features", expected, received });
  }
  return undefined;
}
