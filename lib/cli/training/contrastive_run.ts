import { dirname, join, resolve } from "node:path";
import type { DeviceName } from "../../device.js";
import { InvalidArgumentError } from "../../errors.js";
import { retrievalMetrics } from "../../eval/retrieval.js";
import { VideoClip } from "../../models/videoclip.js";
import type { VideoClipConfig } from "../../models/videoclip_config.js";
import { videoClipParameters } from "../../models/videoclip_weights.js";
import type { PackedPairsProgress } from "../../train/packed_pairs.js";
import {
  type ContrastiveOptions,
  contrastiveTask,
  FROZEN_TEXT,
  initializeLogitScale,
  type VideoTextPair,
} from "../../train/tasks/contrastive.js";
import type { Evaluation } from "../../train/trainer.js";
import { openContrastiveData, readHeldOut } from "./contrastive_data.js";
import type { PreparedRun } from "./run.js";
import type { ContrastiveConfig } from "./schema.js";

/** What each kind of loss asks of the contrastive task. */
const LOSSES: Record<string, ContrastiveOptions> = {
  videoclip: {},
  t2v: { directions: "columns" },
  v2t: { directions: "rows" },
  clip: { cosine: true, reduction: "mean" },
};

/** Model, data and evaluation of a contrastive run. */
export async function prepareContrastive(
  config: ContrastiveConfig,
  file: string,
  onProgress: (progress: PackedPairsProgress) => void,
): Promise<PreparedRun> {
  const path = (name: string) => resolve(dirname(file), name);
  const model = await openVideoClipModel(config, path);
  try {
    const { data, examples, close } = await openContrastiveData(config, model, path, onProgress);
    const held = await readHeldOut(config, model, path);
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
      save: () => model.save(join(path(config.out), "model")),
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

/** The model that a configuration begins with. */
export async function openVideoClipModel(
  config: Pick<ContrastiveConfig, "model" | "device" | "threads" | "precision" | "seed">,
  path: (name: string) => string,
): Promise<VideoClip> {
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

/** Text-to-video retrieval among the held-out pairs; for video-to-text runs the other way round. */
function evaluationOf(config: ContrastiveConfig, model: VideoClip, held: readonly VideoTextPair[]): Evaluation {
  return {
    every: config.evaluateEvery ?? 1000,
    best: { metric: "R@1", mode: "max" },
    run: async () => {
      const width = model.config.hiddenSize;
      const video = await model.embedVideo(
        held.map((pair) => pair.video),
        { longVideos: "truncate" },
      );
      const text = await model.embedText(held.map((pair) => pair.text));
      const rows = [text.rows, video.rows].map((x) => (config.loss?.kind === "clip" ? unitRows(x, width) : x));
      if (config.loss?.kind === "v2t") rows.reverse();
      const { data: scores } = await model.similarity(rows[0], rows[1]);
      const { intervals: _, ...metrics } = retrievalMetrics(scores, [held.length, held.length]);
      return metrics as Record<string, number>;
    },
  };
}

/** Rows of length 1. */
function unitRows(rows: Float32Array, width: number): Float32Array {
  const out = rows.slice();
  for (let at = 0; at < out.length; at += width) {
    const row = out.subarray(at, at + width);
    const norm = Math.hypot(...row);
    if (norm > 0) row.forEach((value, i) => (row[i] = value / norm));
  }
  return out;
}
