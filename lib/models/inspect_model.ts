import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { weightFile } from "../weights/folder.js";
import { inspectWeights, type WeightsReport } from "../weights/inspect.js";
import { readTextFields } from "./text/text_config.js";
import { textModelOf, videoClipConfig } from "./videoclip/videoclip_config.js";

/**
 * Describes a weight file, or the folder of a model (config.json and its weights), for `videoclip inspect`.
 * @throws WeightsError for a file that cannot be read; InvalidArgumentError for an invalid config.json
 */
export async function inspectModel(path: string): Promise<WeightsReport> {
  if (!existsSync(path) || !statSync(path).isDirectory()) return inspectWeights(path);
  const model = describeFolder(path);
  return { ...(await inspectWeights(weightFile(path))), model };
}

/** Describes a model's folder by its config.json. */
function describeFolder(folder: string): string {
  const fields = readTextFields(join(folder, "config.json"));
  if (fields.model !== "videoclip") return String(fields.model_type ?? "unknown");
  const { model: _, ...config } = fields;
  const { featureSize, videoModel, frozenText, ...c } = videoClipConfig(config);
  const text = textModelOf(c)?.family ?? "bert";
  const video = videoModel ? `${videoModel.model} ${videoModel.output}` : `features of ${featureSize}`;
  return `videoclip: ${video} and ${frozenText ? `frozen ${text}` : text}`;
}
