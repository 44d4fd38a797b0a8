import { FeatureFolder } from "../../data/feature_folder.js";
import type { VideoClip } from "../../models/videoclip/videoclip.js";
import type { StepDataOptions } from "../step_data.js";
import type { Task, TrainingData } from "../task.js";
import { FROZEN_TEXT } from "../tasks/contrastive.js";
import { openModel, parametersOf } from "./open_model.js";
import type { PreparedRun, RunContext } from "./prepared_run.js";
import type { CoinConfig, CrossTaskConfig } from "./schema.js";

/** Differences between the fine-tunings on long videos. */
export interface LongVideoTask {
  task: Task;
  data: TrainingData & { examples: number };
  /** Writes files that belong to the model into its folder. */
  saveBeside(folder: string): void;
}

/**
 * Opens the model for fine-tuning on long videos, one per step, and passes it to `make`.
 * @param step seconds between the starts of two windows of a video
 */
export async function prepareLongVideos(
  config: CoinConfig | CrossTaskConfig,
  context: RunContext,
  step: number,
  make: (model: VideoClip, options: StepDataOptions) => Promise<LongVideoTask>,
): Promise<PreparedRun> {
  const model = await openModel(config, context);
  try {
    const features = new FeatureFolder(context.path(config.data.features));
    const options = {
      features,
      config: model.config,
      step,
      ...(config.seed === undefined ? {} : { seed: config.seed }),
    };
    const { task, data, saveBeside } = await make(model, options);
    return {
      device: model.device,
      task,
      data,
      optimizer: { ...config.optimizer, groups: [...(config.optimizer.groups ?? []), FROZEN_TEXT] },
      parameters: parametersOf(model),
      examples: data.examples,
      checkpointing: config.checkpointing,
      saveFiles: (folder) => model.saveAllButWeights(folder),
      saveBeside,
      dispose: () => model.dispose(),
    };
  } catch (error) {
    model.dispose();
    throw error;
  }
}
