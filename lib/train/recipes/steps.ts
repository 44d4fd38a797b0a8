import { dirname, join, resolve } from "node:path";
import { writeFileSync } from "node:fs";
import { readCoin } from "../../data/coin.js";
import {
  type CrossTask,
  listCrossTaskAnnotations,
  readCrossTasks,
  readCrossTaskSteps,
  readCrossTaskVideos,
} from "../../data/crosstask.js";
import { FeatureFolder } from "../../data/feature_folder.js";
import { InvalidArgumentError } from "../../errors.js";
import type { VideoClip } from "../../models/videoclip.js";
import { classifierParameters, loadClassifier, saveClassifier } from "../../models/videoclip_classifier.js";
import { videoClipParameters } from "../../models/videoclip_weights.js";
import { Random } from "../../random.js";
import { initializeParameters } from "../initialize.js";
import { CoinSteps, CrossTaskSteps, type CrossTaskVideo } from "../step_data.js";
import type { Task } from "../task.js";
import { FROZEN_TEXT } from "../tasks/contrastive.js";
import { stepClassification, stepLocalisation } from "../tasks/steps.js";
import { openVideoClipModel } from "./contrastive.js";
import type { PreparedRun } from "./run.js";
import type { CoinConfig, CrossTaskConfig } from "./schema.js";

const DRAW = 0xc705; // stream of the draw of CrossTask's videos

/** Fine-tuning for COIN: a linear head over the tokens, cross-entropy over the labels and the background. */
export async function prepareCoin(config: CoinConfig, file: string): Promise<PreparedRun> {
  const { path, model, dispose } = await open(config, file);
  try {
    const { annotations, features, subset = "training", step = 8 } = config.data;
    const all = await readCoin(path(annotations));
    const classes = 1 + Math.max(...all.flatMap(({ steps }) => steps.map(({ label }) => label)));
    const videos = all.filter((video) => video.subset === subset);
    const options = { features: new FeatureFolder(path(features)), config: model.config, step, seed: config.seed };
    const data = new CoinSteps(videos, options);
    const { hiddenSize } = model.config;
    const { load } = config.model;
    const loaded = load && (await loadClassifier(path(load), model.device.parameters, hiddenSize));
    if (loaded !== classes) {
      initializeParameters(model.device.parameters, classifierParameters(classes, hiddenSize), config.seed ?? 0);
    }
    return {
      ...common(config, model, stepClassification(model.config, classes)),
      data,
      examples: data.examples,
      save: async () => {
        const folder = join(path(config.out), "model");
        await model.save(folder);
        saveClassifier(folder, model.device.parameters, classes, hiddenSize);
      },
      dispose,
    };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** Fine-tuning for CrossTask: binary cross-entropy of tokens with the texts of the steps. */
export async function prepareCrossTask(config: CrossTaskConfig, file: string): Promise<PreparedRun> {
  const { path, model, dispose } = await open(config, file);
  try {
    const { tokenizer } = model;
    if (!tokenizer) {
      throw new InvalidArgumentError("model.tokenizer: the steps are texts, so a tokenizer is needed", {
        argument: "model.tokenizer",
      });
    }
    const { step = 16, features } = config.data;
    const videos = await crossTaskVideos(config, path);
    const options = { features: new FeatureFolder(path(features)), config: model.config, step, seed: config.seed };
    const data = new CrossTaskSteps(videos, options, (text) => tokenizer.encode(text).ids.slice(1, -1));
    return {
      ...common(config, model, stepLocalisation(model.config)),
      data,
      examples: data.examples,
      save: async () => {
        const folder = join(path(config.out), "model");
        await model.save(folder);
        // what an evaluation leaves out: videos.csv's columns
        const lines = videos.map(({ task, video }) => `${task.id},${video},\n`);
        writeFileSync(join(folder, "trained_videos.csv"), lines.join(""));
      },
      dispose,
    };
  } catch (error) {
    dispose();
    throw error;
  }
}

async function open(config: CoinConfig | CrossTaskConfig, file: string) {
  const path = (name: string) => resolve(dirname(file), name);
  const model = await openVideoClipModel(config, path);
  return { path, model, dispose: () => model.dispose() };
}

const common = (config: CoinConfig | CrossTaskConfig, model: VideoClip, task: Task) => ({
  device: model.device,
  task,
  optimizer: { ...config.optimizer, groups: [...(config.optimizer.groups ?? []), FROZEN_TEXT] },
  parameters: [...videoClipParameters(model.config).values()],
  checkpointing: config.checkpointing,
});

/** The annotated videos that are trained on: of the list, not of the other, so many of each task. */
async function crossTaskVideos(
  { data, seed = 0 }: CrossTaskConfig,
  path: (name: string) => string,
): Promise<CrossTaskVideo[]> {
  const tasks = new Map((await readCrossTasks(path(data.tasks))).map((task): [string, CrossTask] => [task.id, task]));
  const keys = async (list: string | undefined) =>
    list === undefined
      ? undefined
      : new Set((await readCrossTaskVideos(path(list))).map(({ task, video }) => `${task}_${video}`));
  const [wanted, without] = [await keys(data.videos), await keys(data.without)];
  const annotated = (await listCrossTaskAnnotations(path(data.annotations))).filter(({ task, video }) => {
    const key = `${task}_${video}`;
    return tasks.has(task) && (wanted?.has(key) ?? true) && !without?.has(key);
  });
  const drawn = [...tasks.keys()].flatMap((task, i) => {
    const own = annotated.filter((entry) => entry.task === task);
    return data.perTask === undefined ? own : new Random(seed, DRAW, i).sample(own, data.perTask);
  });
  return Promise.all(
    drawn.map(async ({ task, video, file }) => ({
      video,
      task: tasks.get(task)!,
      steps: await readCrossTaskSteps(file),
    })),
  );
}
