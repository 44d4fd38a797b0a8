import { writeDurably } from "../../base/files.js";
import { dirname, join, resolve } from "node:path";
import type { Device, DeviceName } from "../../runtime/device.js";
import type { PackedPairsProgress } from "../packed_pairs.js";
import type { StepEvent } from "../trainer.js";
import { planOf, prepareRun, type RecipePlan, trainerOf } from "./prepare.js";
import type { RunContext } from "./prepared_run.js";
import { changeRecipe, checkRecipe, readRecipe, type RecipeChanges } from "./read.js";
import type { TrainConfig } from "./schema.js";

export interface RecipeOptions {
  /** Changes of the configuration: `["steps=2000"]` as for `videoclip train --set`, or `{ steps: 2000 }`. */
  set?: RecipeChanges | undefined;
  /** Base folder of the paths in a configuration object. Default: the working directory. */
  folder?: string | undefined;
  /** Replaces the configuration's `device`; a `Device` is shared and stays open. */
  device?: DeviceName | Device | undefined;
  signal?: AbortSignal | undefined;
}

export interface RunRecipeOptions extends RecipeOptions {
  /**
   * Continue from the last checkpoint of the run's folder, if there is one. Default: a folder with a checkpoint is
   * refused.
   */
  resume?: boolean | undefined;
  /** Called once, after model and data are opened, with the plan of the run and its files. */
  onStart?: ((plan: RecipePlan, files: RecipeFiles) => void) | undefined;
  /** Called during the work before the first batch of an epoch: embedding of videos, planning of batches. */
  onProgress?: ((progress: PackedPairsProgress) => void) | undefined;
}

/** Files of a run. */
export interface RecipeFiles {
  /** Folder of the run: `checkpoints/`, `metrics.jsonl`, `config.json`, `model/`. */
  folder: string;
  /** The trained model, written after the last step: for `VideoClip.load`, or `loadTextModel` after a pre-training of text. */
  model: string;
}

/**
 * Trains by a run file, like `videoclip train`: opens model and data, trains to the last step, and writes the model to
 * `model/` in the run's folder. Checkpoints and metrics.jsonl are written during the run. When `signal` aborts or the
 * caller leaves the loop, a checkpoint is written too, and a run with `resume` continues from it to the same bits.
 * @param recipe path of a run file, or its content
 * @returns an iterator over the steps
 * @throws InvalidArgumentError for a wrong configuration, with the key; VideoClipError `ERR_RUN_EXISTS` when the folder
 * has a run and `resume` is not set, `ERR_TRAINING_DIVERGED`; DatasetError; WeightsError; DeviceError; the signal's
 * reason
 */
export async function* runRecipe(
  recipe: string | TrainConfig,
  options: RunRecipeOptions = {},
): AsyncGenerator<StepEvent, void, void> {
  const { resume = false, signal, onStart } = options;
  const { config, context } = open(recipe, options);
  const folder = context.path(config.out);
  const model = join(folder, "model");
  const run = await prepareRun(config, context);
  try {
    signal?.throwIfAborted();
    const plan = planOf(config, run);
    const trainer = trainerOf(config, run, folder, resume);
    writeDurably(join(folder, "config.json"), `${JSON.stringify(config, null, 2)}\n`);
    onStart?.(plan, { folder, model });
    let left = true;
    try {
      for await (const event of trainer.run({ signal })) yield event;
      left = false;
    } catch (error) {
      left = false;
      throw error;
    } finally {
      if (left && trainer.step > 0) trainer.save();
      trainer.dispose();
    }
    await run.save(model);
  } finally {
    run.dispose();
  }
}

/**
 * Checks a run file, its model and its data, and returns the plan of the run; nothing is written.
 * @param recipe path of a run file, or its content
 * @throws as {@link runRecipe}
 */
export async function describeRecipe(recipe: string | TrainConfig, options: RecipeOptions = {}): Promise<RecipePlan> {
  const { config, context } = open(recipe, options);
  const run = await prepareRun(config, context);
  try {
    return planOf(config, run);
  } finally {
    run.dispose();
  }
}

/** Checks a configuration, and resolves the folder of its paths. */
function open(recipe: string | TrainConfig, options: RunRecipeOptions): { config: TrainConfig; context: RunContext } {
  const { set = [], folder = ".", device, signal, onProgress } = options;
  const isFile = typeof recipe === "string";
  const base = isFile ? dirname(resolve(recipe)) : resolve(folder);
  const context: RunContext = { path: (name) => resolve(base, name), device, signal, onProgress };
  if (isFile) return { config: readRecipe(recipe, set), context };
  return { config: checkRecipe(changeRecipe(structuredClone(recipe), set)), context };
}
