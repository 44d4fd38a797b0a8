import { dirname, join, resolve } from "node:path";
import { InvalidArgumentError } from "../../errors.js";
import type { DeviceName } from "../../device.js";
import { retrievalMetrics } from "../../eval/retrieval.js";
import { VideoClip } from "../../models/videoclip.js";
import type { VideoClipConfig } from "../../models/videoclip_config.js";
import { videoClipParameters } from "../../models/videoclip_weights.js";
import { contrastiveTask, FROZEN_TEXT } from "../../train/tasks/contrastive.js";
import type { Evaluation } from "../../train/trainer.js";
import { pairData, piecesOf, readPairs } from "./pairs.js";
import type { PreparedRun } from "./run.js";
import type { ContrastiveConfig } from "./schema.js";

/** Model, data and evaluation of a contrastive run. */
export async function prepareContrastive(config: ContrastiveConfig, file: string): Promise<PreparedRun> {
  const path = (name: string) => resolve(dirname(file), name);
  const { seed = 0, batch } = config;
  const model = await openModel(config, path);
  try {
    const lines = await readPairs(path(config.data.train));
    const held = config.data.validation === undefined ? [] : await readPairs(path(config.data.validation));
    if (!model.tokenizer && [...lines, ...held].some(({ text }) => typeof text === "string")) {
      throw new InvalidArgumentError("model.tokenizer: texts are strings, so a tokenizer is needed", {
        argument: "model.tokenizer",
      });
    }
    if (lines.length < batch) {
      throw new InvalidArgumentError(
        `batch: expected at most the ${lines.length} pairs of data.train, received ${batch}`,
        {
          argument: "batch",
        },
      );
    }
    const groups = [...(config.optimizer.groups ?? []), FROZEN_TEXT];
    return {
      device: model.device,
      task: contrastiveTask(model.config, config.loss),
      data: pairData(model, lines, batch, seed),
      optimizer: { ...config.optimizer, groups },
      evaluation: held.length > 0 ? evaluationOf(config, model, held) : undefined,
      parameters: [...videoClipParameters(model.config).values()],
      examples: lines.length,
      save: () => model.save(join(path(config.out), "model")),
      dispose: () => model.dispose(),
    };
  } catch (error) {
    model.dispose();
    throw error;
  }
}

async function openModel(config: ContrastiveConfig, path: (name: string) => string): Promise<VideoClip> {
  const { load, preset, textModel, tokenizer, config: fields = {} } = config.model;
  const device = {
    device: config.device as DeviceName | undefined,
    threads: config.threads,
    precision: config.precision,
  };
  const options = {
    ...Object.fromEntries(Object.entries(device).filter(([, value]) => value !== undefined)),
    config: fields as Partial<VideoClipConfig>,
    ...(tokenizer === undefined ? {} : { tokenizer: path(tokenizer) }),
  };
  if (load !== undefined) {
    if (preset ?? textModel) {
      throw new InvalidArgumentError("model: expected load alone, or preset and textModel", { argument: "model" });
    }
    return VideoClip.load(path(load), options);
  }
  return VideoClip.initialize({
    ...options,
    preset,
    seed: config.seed,
    ...(textModel === undefined ? {} : { textModel: path(textModel) }),
  });
}

/** Text-to-video retrieval among the held-out pairs. */
function evaluationOf(
  config: ContrastiveConfig,
  model: VideoClip,
  held: Awaited<ReturnType<typeof readPairs>>,
): Evaluation {
  return {
    every: config.evaluateEvery ?? 1000,
    best: { metric: "R@1", mode: "max" },
    run: async () => {
      const videos = held.map(({ features }) => features);
      const texts = held.map(({ text }) => piecesOf(model, text));
      const [v, t] = [await model.embedVideo(videos, { longVideos: "truncate" }), await model.embedText(texts)];
      const scores = await model.similarity(t.rows, v.rows); // rows: texts
      const { intervals: _, ...metrics } = retrievalMetrics(scores, [held.length, held.length]);
      return metrics as Record<string, number>;
    },
  };
}
