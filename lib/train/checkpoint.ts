import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { VideoClipError } from "../base/errors.js";
import { makeFolder, moveDurably, writeDurably } from "../base/files.js";
import type { ParameterStore } from "../runtime/parameter_store.js";
import { writeSafetensors } from "../weights/safetensors.js";
import { loadInto, type ParameterSink } from "../weights/load_into.js";
import { type StoredTensor, stored } from "../weights/tensor.js";
import type { LossScaleState } from "./loss_scale.js";
import type { Parameter } from "./step_program.js";

/** The evaluation with the best value of a metric. */
export interface BestEvaluation {
  step: number;
  metric: string;
  value: number;
}

/** The state of a run besides tensors. Samplers and generators are functions of the seed and of the step. */
export interface TrainingState {
  format: 1;
  /** Completed steps, including skipped ones. */
  step: number;
  /** Updates taken. The schedule and the optimizer's bias correction use this number. */
  updates: number;
  seed: number;
  lossScale: LossScaleState;
  /** The best evaluation so far. */
  best?: BestEvaluation | undefined;
  /** Evaluations since the best one, for `patience`. */
  sinceBest?: number | undefined;
}

/** Evaluations since the best one by a metric; none if the best one is by another. */
export function evaluationsSinceBest({ best, sinceBest = 0 }: TrainingState, metric: string | undefined): number {
  return best && best.metric !== metric ? 0 : sinceBest;
}

/** The weights of a checkpoint or of a model's folder. */
export const MODEL = "model.safetensors";
const OPTIMIZER = "optimizer.safetensors";
const STATE = "state.json";
/** Files of a checkpoint that only training reads. */
export const OF_TRAINING: readonly string[] = [OPTIMIZER, STATE];
const NAME = /^step-(\d{8,})$/;

/** Steps of the checkpoints in a folder, ascending; none without the folder. */
export const checkpointSteps = (folder: string): number[] =>
  (existsSync(folder) ? readdirSync(folder) : [])
    .flatMap((name) => (NAME.test(name) ? [Number(NAME.exec(name)![1])] : []))
    .sort((a, b) => a - b);

/** Path of the checkpoint of a step in the folder of checkpoints. */
export const checkpointPath = (folder: string, step: number): string =>
  join(folder, `step-${String(step).padStart(8, "0")}`);

/**
 * Checkpoints of a run: folders `step-00001000` with `model.safetensors` (published keys), `optimizer.safetensors` and
 * `state.json`, and what makes them models, if the trainer knows it. A folder is written under another name, synced and renamed, so a folder with this name is complete.
 */
export class Checkpoints {
  constructor(
    readonly folder: string,
    /** Number of latest checkpoints that are kept, besides the best. */
    readonly keep: number,
  ) {
    makeFolder(folder);
    for (const name of readdirSync(folder)) {
      if (name.endsWith(".tmp")) rmSync(join(folder, name), { recursive: true });
    }
  }

  /** Steps of the existing checkpoints, ascending. */
  steps(): number[] {
    return checkpointSteps(this.folder);
  }

  path(step: number): string {
    return checkpointPath(this.folder, step);
  }

  /** @param beside writes further files into the folder, such as the configuration of the model */
  save(
    state: TrainingState,
    store: ParameterStore,
    model: Iterable<Parameter>,
    optimizer: Iterable<Parameter>,
    beside?: (folder: string) => void,
  ): void {
    const path = this.path(state.step);
    if (existsSync(path)) return; // the same step of the same run has the same bytes
    const temporary = `${path}.tmp`;
    makeFolder(temporary);
    writeTensors(join(temporary, MODEL), store, model);
    writeTensors(join(temporary, OPTIMIZER), store, optimizer);
    writeDurably(join(temporary, STATE), `${JSON.stringify(state, null, 2)}\n`);
    beside?.(temporary);
    moveDurably(temporary, path);
    this.#prune(state.best?.step);
  }

  /** Loads the tensors of a checkpoint into the store. */
  async load(step: number, store: ParameterStore): Promise<{ state: TrainingState; optimizer: Parameter[] }> {
    const path = this.path(step);
    const state = readState(this.folder, step);
    await restore(join(path, MODEL), store);
    return { state, optimizer: await restore(join(path, OPTIMIZER), store) };
  }

  #prune(best?: number): void {
    for (const step of this.steps().slice(0, -this.keep)) {
      if (step === best) continue;
      // renamed first, so that a half removed folder does not look like a checkpoint
      const gone = `${this.path(step)}.tmp`;
      moveDurably(this.path(step), gone);
      rmSync(gone, { recursive: true });
    }
  }
}

/** Writes parameters of a store as a safetensors file. */
function writeTensors(path: string, store: ParameterStore, parameters: Iterable<Parameter>): void {
  const tensors = [...parameters].map(({ key, shape }): [string, StoredTensor] => [
    key,
    stored(shape, () => store.get(key), "f32"),
  ]);
  writeSafetensors(path, new Map(tensors), { format: "pt" });
}

/** Loads every tensor of a file into a store. */
async function restore(path: string, store: ParameterSink): Promise<Parameter[]> {
  const { shapes } = await loadInto(store, path, {
    shapes: (tensors) => new Map([...tensors].map(([key, { shape }]) => [key, shape])),
  });
  return [...shapes].map(([key, shape]) => ({ key, shape }));
}

/**
 * The state of a checkpoint.
 * @param folder of the checkpoints
 * @throws VideoClipError `ERR_CHECKPOINT` for another format
 */
export function readState(folder: string, step: number): TrainingState {
  const path = join(checkpointPath(folder, step), STATE);
  const state = JSON.parse(readFileSync(path, "utf8")) as TrainingState;
  if (state.format === 1) return state;
  throw new VideoClipError("ERR_CHECKPOINT", `${path}: expected format 1, received ${String(state.format)}`, {
    file: path,
    expected: 1,
    received: state.format,
  });
}

/** Says that a folder holds a run already. */
export const runExists = (folder: string, step: number): string =>
  `${folder} holds a run at step ${step}: continue it with resume (--resume on the command line), or take another folder`;
