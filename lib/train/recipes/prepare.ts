import { elements } from "../../graph/tensor.js";
import { makeSchedule } from "../schedules.js";
import { Trainer } from "../trainer.js";
import { prepareCoin } from "./coin.js";
import { prepareContrastive } from "./contrastive.js";
import { prepareCrossTask } from "./crosstask.js";
import { preparePretraining } from "./pretraining.js";
import type { PreparedRun, RunContext } from "./prepared_run.js";
import type { TrainConfig } from "./schema.js";

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
export function planOf(config: TrainConfig, run: PreparedRun): RecipePlan {
  const steps = stepsOf(config, run);
  makeSchedule(config.schedule, steps);
  return {
    task: config.task,
    device: run.device.name,
    precision: run.device.precision,
    parameters: run.parameters.reduce((sum, shape) => sum + elements(shape), 0),
    examples: run.examples,
    examplesPerUpdate: perUpdate(config),
    steps,
    epochs: (steps * perUpdate(config)) / run.examples,
  };
}

/** The trainer of a configuration, which writes to `folder`. */
export function trainerOf(config: TrainConfig, run: PreparedRun, folder: string, resume: boolean): Trainer {
  const steps = stepsOf(config, run);
  const { accumulate, dropout, seed, saveEvery, keep } = config;
  const { device, task, data, optimizer, evaluation, checkpointing, chunk } = run;
  const given = { accumulate, dropout, seed, saveEvery, keep, evaluation, checkpointing, chunk };
  return new Trainer({
    device,
    task,
    data,
    optimizer,
    schedule: config.schedule,
    steps,
    folder,
    resume,
    ...given,
  });
}
