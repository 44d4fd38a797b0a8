import type { DeviceName, DeviceOptions } from "../../runtime/device.js";
import { InvalidArgumentError } from "../../base/errors.js";
import { VideoClip } from "../../models/videoclip/videoclip.js";
import type { VideoClipConfig } from "../../models/videoclip/videoclip_config.js";
import { videoClipParameters } from "../../models/videoclip/videoclip_weights.js";
import type { Parameter } from "../step_program.js";
import type { RunContext } from "./prepared_run.js";
import type { ContrastiveConfig, TrainConfig } from "./schema.js";

/** The device of a configuration. */
export const deviceOf = (
  { device, threads, precision }: Pick<TrainConfig, "device" | "threads" | "precision">,
  context: RunContext,
): DeviceOptions => ({ device: context.device ?? (device as DeviceName | undefined), threads, precision });

/** The VideoCLIP model from which a configuration starts. */
export async function openModel(
  config: Pick<ContrastiveConfig, "model" | "device" | "threads" | "precision" | "seed">,
  context: RunContext,
): Promise<VideoClip> {
  const { load, preset, textModel, tokenizer, config: fields = {} } = config.model;
  const path = (name: string | undefined) => (name === undefined ? undefined : context.path(name));
  const options = {
    ...deviceOf(config, context),
    config: fields as Partial<VideoClipConfig>,
    tokenizer: path(tokenizer),
    signal: context.signal,
  };
  if (load === undefined) {
    return VideoClip.initialize({ ...options, preset, seed: config.seed, textModel: path(textModel) });
  }
  if (preset ?? textModel) {
    throw new InvalidArgumentError("model: expected load alone, or preset and textModel", { argument: "model" });
  }
  return VideoClip.load(context.path(load), options);
}

/** Keys and shapes of a model's parameters. */
export const parametersOf = ({ config }: VideoClip): Parameter[] =>
  [...videoClipParameters(config)].map(([key, shape]) => ({ key, shape }));
