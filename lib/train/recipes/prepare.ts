import { elements } from "../../graph/tensor.js";
import type { BestEvaluation } from "../checkpoint.js";
import { shareFiles } from "../model_folder.js";
import { Trainer } from "../trainer.js";
import { prepareCoin } from "./coin.js";
import { prepareContrastive } from "./contrastive.js";
import { prepareCrossTask } from "./crosstask.js";
import { preparePretraining } from "./pretraining.js";
import type { PreparedRun, RunContext } from "./prepared_run.js";
import type { TrainConfig } from "./schema.js";
import { scheduleWarnings } from "./warnings.js";

/** Summary of a run. */
export interface RecipePlan {
  task: TrainConfig["task"];
  /** The device's name: `cpu`, `cuda:0`. */
  device: string;
  precision: string;
  /** Number of values of the model's parameters. */
  parameters: number;
  /** Training examples per epoch. */
  examples: number;
  examplesPerUpdate: number;
  /** Updates of the whole run. */
  steps: number;
  epochs: number;
  /** Updates that are done already: 0, or the step of the checkpoint from which the run is resumed. */
  start: number;
  /** The best evaluation of the run that is resumed. */
  best?: BestEvaluation | undefined;
  /** Whether nothing is left to do: at the last step, or because the `patience` of the run that is resumed is used up. */
  finished: boolean;
  /** What the author of the run may not want, a sentence each. */
  warnings: string[];
}

/** A run that is resumed. */
export interface ResumedRun {
  step: number;
  best?: BestEvaluation | undefined;
  /** Whether its patience is used up. */
  stopped: boolean;
  /** Keys that were different before, with both values. */
  changed: readonly string[];
}

/** Opens model and data of a configuration. */
export function prepareRun(config: TrainConfig, context: RunContext): Promise<PreparedRun> {
  switch (config.task) {
    case "contrastive":
      return prepareContrastive(config, context);
    case "coin":
      return prepareCoin(config, context);
    case "crosstask":
      return prepareCrossTask(config, context);
    case "pretraining":
      return preparePretraining(config, context);
  }
}

const perUpdate = ({ batch = 1, accumulate = 1 }: TrainConfig): number => batch * accumulate;

/** Number of steps: that of the configuration, or computed from its epochs. */
const stepsOf = (config: TrainConfig, { examples }: Pick<PreparedRun, "examples">): number =>
  config.steps ?? Math.ceil((config.epochs! * examples) / perUpdate(config));

/** Summary of a run before it starts. @throws InvalidArgumentError for a schedule that does not fit the run */
export function planOf(config: TrainConfig, run: PreparedRun, resumed?: ResumedRun): RecipePlan {
  const steps = stepsOf(config, run);
  const warnings = [...scheduleWarnings(config, steps), ...(run.warnings ?? [])];
  if (resumed && resumed.changed.length > 0) {
    warnings.push(`changed since the run was last started: ${resumed.changed.join("; ")}`);
  }
  return {
    task: config.task,
    device: run.device.name,
    precision: run.device.precision,
    parameters: run.parameters.reduce((sum, { shape }) => sum + elements(shape), 0),
    examples: run.examples,
    examplesPerUpdate: perUpdate(config),
    steps,
    epochs: (steps * perUpdate(config)) / run.examples,
    start: resumed?.step ?? 0,
    ...(resumed?.best ? { best: resumed.best } : {}),
    finished: resumed !== undefined && (resumed.step >= steps || resumed.stopped),
    warnings,
  };
}

/**
 * The trainer of a configuration, which writes to `folder`.
 * @param files folder with what `run.saveFiles` writes, which every checkpoint gets. Default: checkpoints have weights alone
 */
export function trainerOf(
  config: TrainConfig,
  run: PreparedRun,
  folder: string,
  resume: boolean,
  files?: string,
): Trainer {
  const steps = stepsOf(config, run);
  const { schedule, accumulate, dropout, seed, saveEvery, keep } = config;
  const { device, task, data, optimizer, evaluation, checkpointing, chunk, parameters } = run;
  const write = (checkpoint: string) => {
    shareFiles(files!, checkpoint);
    run.saveBeside?.(checkpoint);
  };
  return new Trainer({
    ...{ device, task, data, optimizer, schedule, steps, folder, resume },
    ...{ accumulate, dropout, seed, saveEvery, keep, evaluation, checkpointing, chunk },
    ...(files === undefined ? {} : { modelFiles: { parameters, write } }),
  });
}
