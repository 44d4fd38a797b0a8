import { retrievalMetrics } from "../../eval/retrieval.js";
import type { VideoClip } from "../../models/videoclip/videoclip.js";
import { videoClipParameters } from "../../models/videoclip/videoclip_weights.js";
import { scaleToUnitLength } from "../../base/rows.js";
import {
  type ContrastiveOptions,
  contrastiveTask,
  FROZEN_TEXT,
  initializeLogitScale,
  type VideoTextPair,
} from "../tasks/contrastive.js";
import type { Evaluation } from "../trainer_options.js";
import { openContrastiveData, readHeldOut } from "./contrastive_data.js";
import { openModel } from "./open_model.js";
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
    const { data, examples, close } = await openContrastiveData(config, model, context);
    const held = await readHeldOut(config, model, context);
    const { kind = "videoclip", scale } = config.loss ?? {};
    const loss = { ...LOSSES[kind], ...(scale === undefined ? {} : { scale }) };
    if (loss.cosine) initializeLogitScale(model.device.parameters);
    const groups = [...(config.optimizer.groups ?? []), FROZEN_TEXT];
    return {
      device: model.device,
      task: contrastiveTask(model.config, loss),
      data,
      optimizer: { ...config.optimizer, groups },
      evaluation: held.length > 0 ? evaluationOf(config, model, held) : undefined,
      parameters: [...videoClipParameters(model.config).values()],
      examples,
      checkpointing: config.checkpointing,
      chunk: config.chunk,
      save: (folder) => model.save(folder),
      dispose: () => {
        close();
        model.dispose();
      },
    };
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/** Text-to-video retrieval among the held-out pairs; video-to-text for video-to-text runs. */
function evaluationOf(config: ContrastiveConfig, model: VideoClip, held: readonly VideoTextPair[]): Evaluation {
  return {
    every: config.evaluateEvery ?? 1000,
    best: { metric: "R@1", mode: "max" },
    run: async () => {
      const video = await model.encodeVideo(
        held.map((pair) => pair.video),
        { longVideos: "truncate" },
      );
      const text = await model.encodeText(held.map((pair) => pair.text));
      const rows = [text.data, video.data];
      if (config.loss?.kind === "clip") for (const x of rows) scaleToUnitLength(x, model.config.hiddenSize);
      if (config.loss?.kind === "v2t") rows.reverse();
      const { data: scores } = await model.similarity(rows[0], rows[1]);
      const { intervals: _, ...metrics } = retrievalMetrics(scores, [held.length, held.length]);
      return metrics as Record<string, number>;
    },
  };
}
