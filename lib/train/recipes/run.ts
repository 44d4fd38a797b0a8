import { writeDurably } from "../../base/files.js";
import { dirname, join, resolve } from "node:path";
import type { Device, DeviceName } from "../../runtime/device.js";
import type { PackedPairsProgress } from "../packed_pairs.js";
import type { StepEvent } from "../trainer.js";
import { planOf, prepareRun, type RecipePlan, trainerOf } from "./prepare.js";
import type { RunContext } from "./prepared_run.js";
import { applyChanges, checkRecipe, readRecipe, type RecipeChanges } from "./read.js";
import type { TrainConfig } from "./schema.js";

export interface RecipeOptions {
  /** Changes of the configuration: `["steps=2000"]` as `videoclip train --set` takes them, or `{ steps: 2000 }`. */
  set?: RecipeChanges | undefined;
  /** Folder that the paths of a configuration which is given as an object are relative to. Default: the working directory. */
  folder?: string | undefined;
  /** Where to compute, in place of the configuration's `device`; a `Device` is shared and stays open. */
  device?: DeviceName | Device | undefined;
  signal?: AbortSignal | undefined;
}

export interface RunRecipeOptions extends RecipeOptions {
  /** Go on from the last checkpoint of the run's folder; it need not hold one. Default: a folder that holds one is refused. */
  resume?: boolean | undefined;
  /** Called once, when model and data are open, with what the run will be and where it is written. */
  onStart?: ((plan: RecipePlan, files: RecipeFiles) => void) | undefined;
  /** Called during the work before the first batch of an epoch: videos that are embedded, batches that are planned. */
  onProgress?: ((progress: PackedPairsProgress) => void) | undefined;
}

/** Where a run is written. */
export interface RecipeFiles {
  /** Folder of the run: `checkpoints/`, `metrics.jsonl`, `config.json`, `model/`. */
  folder: string;
  /** The trained model, written after the last step: for `VideoClip.load`, or `loadTextModel` after a pre-training of text. */
  model: string;
}

/**
 * Trains as a run file says, which is what `videoclip train` does: opens model and data, trains to the last step, and writes the
 * model to `model/` in the run's folder. Checkpoints and metrics.jsonl are written on the way; when `signal` aborts or the caller
 * leaves the loop, a checkpoint of the steps so far is written too, and a run with `resume` goes on from it to the same bits.
 * @param recipe path of a run file, or its content
 * @returns an iterator over the steps
 * @throws InvalidArgumentError for a configuration that is wrong, naming the key; VideoClipError `ERR_RUN_EXISTS` when the folder
 * holds a run and `resume` is not set, `ERR_TRAINING_DIVERGED`; DatasetError; WeightsError; DeviceError; the signal's reason
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
 * Checks a run file, its model and its data, and says what would be trained; nothing is written.
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

/** A checked configuration, and where its files are. */
function open(recipe: string | TrainConfig, options: RunRecipeOptions): { config: TrainConfig; context: RunContext } {
  const { set = [], folder = ".", device, signal, onProgress } = options;
  const isFile = typeof recipe === "string";
  const base = isFile ? dirname(resolve(recipe)) : resolve(folder);
  const context: RunContext = { path: (name) => resolve(base, name), device, signal, onProgress };
  if (isFile) return { config: readRecipe(recipe, set), context };
  const changed = structuredClone(recipe) as unknown;
  applyChanges(changed, set);
  return { config: checkRecipe(changed), context };
}
