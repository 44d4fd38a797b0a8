import { existsSync, readFileSync } from "node:fs";
import { writeDurably } from "../../base/files.js";
import { dirname, join, resolve } from "node:path";
import type { Device, DeviceName } from "../../runtime/device.js";
import type { PackedPairsProgress } from "../packed_pairs.js";
import { checkpointPath, checkpointSteps, evaluationsSinceBest, readState, runExists } from "../checkpoint.js";
import { publishModel } from "../model_folder.js";
import type { StepEvent, Trainer } from "../trainer.js";
import { planOf, prepareRun, type RecipePlan, trainerOf } from "./prepare.js";
import type { RunContext } from "./prepared_run.js";
import { changeRecipe, checkRecipe, readRecipe, type RecipeChanges } from "./read.js";
import type { TrainConfig } from "./schema.js";
import { changedKeys } from "./warnings.js";

const CONFIG = "config.json";
/** Folder of the files of the model that all checkpoints have. */
const MODEL_FILES = "model_files";

export interface RecipeOptions {
  /** Changes of the configuration: `["steps=2000"]` as for `videoclip train --set`, or `{ steps: 2000 }`. */
  set?: RecipeChanges | undefined;
  /** Base folder of the paths in a configuration object. Default: the working directory. */
  folder?: string | undefined;
  /** Replaces the configuration's `device`; a `Device` is shared and stays open. */
  device?: DeviceName | Device | undefined;
  /**
   * Continue from the last checkpoint of the run's folder, if there is one. Default: a folder with a checkpoint is
   * refused.
   */
  resume?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

export interface RunRecipeOptions extends RecipeOptions {
  /** Called once, after model and data are opened, with the plan of the run and its files. */
  onStart?: ((plan: RecipePlan, files: RecipeFiles) => void) | undefined;
  /** Called during the work before the first batch of an epoch: embedding of videos, planning of batches. */
  onProgress?: ((progress: PackedPairsProgress) => void) | undefined;
}

/** Files of a run. */
export interface RecipeFiles {
  /** Folder of the run: `checkpoints/`, `metrics.jsonl`, `config.json`, `model/`. */
  folder: string;
  /**
   * The trained model: for `VideoClip.load`, or `loadTextModel` after a pre-training of text. With an evaluation it is that
   * of the best evaluation so far, without one it is written after the last step.
   */
  model: string;
  /** Folder of the checkpoints, such as `step-00001000`, which are models too. */
  checkpoints: string;
}

/**
 * Trains by a run file, like `videoclip train`: opens model and data, trains to the last step, and keeps the best model in
 * `model/` of the run's folder. Checkpoints and metrics.jsonl are written during the run. When `signal` aborts or the
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
  const files = filesOf(config, context);
  const run = await prepareRun(config, context);
  try {
    signal?.throwIfAborted();
    planOf(config, run);
    const shared = join(files.folder, MODEL_FILES);
    const trainer = trainerOf(config, run, files.folder, resume, shared);
    try {
      await trainer.open(); // before anything of the run is replaced
      const { step, best, stopped } = trainer;
      const changed = step > 0 ? changesOf(config, files.folder) : [];
      writeDurably(join(files.folder, CONFIG), `${JSON.stringify(config, null, 2)}\n`);
      await run.saveFiles(shared);
      publish(trainer, files, false); // a process may have ended between a checkpoint and this
      onStart?.(planOf(config, run, { step, best, stopped, changed }), files);
      for await (const event of trainer.run({ signal })) {
        if (event.best?.step === event.step) publish(trainer, files, false);
        yield event;
      }
      publish(trainer, files, true);
    } finally {
      trainer.dispose();
    }
  } finally {
    run.dispose();
  }
}

/** Makes `model/` the best checkpoint; at the end of a run without a best one, the last. */
function publish({ step, best }: Trainer, { checkpoints, model }: RecipeFiles, ended: boolean): void {
  const path = best && checkpointPath(checkpoints, best.step);
  if (path !== undefined && existsSync(path)) publishModel(path, model);
  else if (ended) publishModel(checkpointPath(checkpoints, step), model);
}

/** Keys that differ from those of the run that is in a folder. */
function changesOf(config: TrainConfig, folder: string): string[] {
  try {
    return changedKeys(JSON.parse(readFileSync(join(folder, CONFIG), "utf8")), config);
  } catch (error) {
    return [`${CONFIG} cannot be read (${(error as Error).message}), so nothing is known of its keys`];
  }
}

/**
 * Checks a run file, its model and its data, and returns the plan of the run; nothing is written.
 * @param recipe path of a run file, or its content
 * @throws as {@link runRecipe}
 */
export async function describeRecipe(recipe: string | TrainConfig, options: RecipeOptions = {}): Promise<RecipePlan> {
  const { config, context } = open(recipe, options);
  const { folder, checkpoints } = filesOf(config, context);
  const step = checkpointSteps(checkpoints).at(-1);
  const run = await prepareRun(config, context);
  try {
    if (step === undefined) return planOf(config, run);
    if (options.resume) {
      const state = readState(checkpoints, step);
      const { patience = Infinity, best: by } = run.evaluation ?? {};
      const [best, stopped] = [state.best, evaluationsSinceBest(state, by?.metric) >= patience];
      return planOf(config, run, { step, best, stopped, changed: changesOf(config, folder) });
    }
    const plan = planOf(config, run);
    return { ...plan, warnings: [...plan.warnings, runExists(folder, step)] };
  } finally {
    run.dispose();
  }
}

/** Places of a run. */
function filesOf({ out }: TrainConfig, { path }: RunContext): RecipeFiles {
  const folder = path(out);
  return { folder, model: join(folder, "model"), checkpoints: join(folder, "checkpoints") };
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
