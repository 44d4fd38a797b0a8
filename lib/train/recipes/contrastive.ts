import { retrievalMetrics } from "../../eval/retrieval.js";
import type { VideoClip } from "../../models/videoclip/videoclip.js";
import { scaleToUnitLength } from "../../base/rows.js";
import {
  type ContrastiveOptions,
  contrastiveTask,
  FROZEN_TEXT,
  initializeLogitScale,
  type VideoTextPair,
} from "../tasks/contrastive.js";
import { HeldOutLoss } from "../held_out_loss.js";
import type { Evaluation } from "../trainer_options.js";
import { openContrastiveData, readHeldOut } from "./contrastive_data.js";
import { openModel, parametersOf } from "./open_model.js";
import type { PreparedRun, RunContext } from "./prepared_run.js";
import type { ContrastiveConfig } from "./schema.js";

/** Options of the contrastive task for each kind of loss. */
const LOSSES: Record<string, ContrastiveOptions> = {
  videoclip: {},
  t2v: { directions: "columns" },
  v2t: { directions: "rows" },
  clip: { cosine: true, reduction: "mean" },
};

/** Model, data and evaluation of a contrastive run. */
export async function prepareContrastive(config: ContrastiveConfig, context: RunContext): Promise<PreparedRun> {
  const model = await openModel(config, context);
  try {
    const { data, examples, warnings, close } = await openContrastiveData(config, model, context);
    const held = await readHeldOut(config, model, context, warnings);
    const { kind = "videoclip", scale } = config.loss ?? {};
    const loss = { ...LOSSES[kind], ...(scale === undefined ? {} : { scale }) };
    if (loss.cosine) initializeLogitScale(model.device.parameters);
    const groups = [...(config.optimizer.groups ?? []), FROZEN_TEXT];
    const task = contrastiveTask(model.config, loss);
    const heldOutLoss = new HeldOutLoss(model.device, task, config.batch);
    return {
      device: model.device,
      task,
      data,
      optimizer: { ...config.optimizer, groups },
      evaluation: held.length > 0 ? evaluationOf(config, model, held, heldOutLoss) : undefined,
      parameters: parametersOf(model),
      examples,
      checkpointing: config.checkpointing,
      chunk: config.chunk,
      saveFiles: (folder) => model.saveAllButWeights(folder),
      warnings,
      dispose: () => {
        close();
        heldOutLoss.dispose();
        model.dispose();
      },
    };
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/** Metrics of which a lower value is better. */
const LOWER_IS_BETTER = ["loss", "medianRank", "meanRank"];

/** The loss over the held-out pairs, and text-to-video retrieval among them; video-to-text for video-to-text runs. */
function evaluationOf(
  config: ContrastiveConfig,
  model: VideoClip,
  held: readonly VideoTextPair[],
  heldOutLoss: HeldOutLoss,
): Evaluation {
  const { metric = "R@1", patience, evaluateEvery = 1000 } = config;
  return {
    every: evaluateEvery,
    best: { metric, mode: LOWER_IS_BETTER.includes(metric) ? "min" : "max" },
    patience,
    run: async () => {
      const video = await model.encodeVideo(
        held.map((pair) => pair.video),
        { longVideos: "truncate" },
      );
      const text = await model.encodeText(held.map((pair) => pair.text));
      const loss = await heldOutLoss.of(video.data, text.data, held.length);
      const rows = [text.data, video.data];
      if (config.loss?.kind === "clip") for (const x of rows) scaleToUnitLength(x, model.config.hiddenSize);
      if (config.loss?.kind === "v2t") rows.reverse();
      const { data: scores } = await model.similarity(rows[0], rows[1]);
      const { intervals: _, ...metrics } = retrievalMetrics(scores, [held.length, held.length]);
      return { loss, ...(metrics as Record<string, number>) };
    },
  };
}
