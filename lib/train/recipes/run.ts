import { dirname, join, resolve } from "node:path";
import { writeFileSync } from "node:fs";
import type { Device } from "../../device.js";
import { elements } from "../../graph/tensor.js";
import type { PackedPairsProgress } from "../packed_pairs.js";
import type { OptimizerOptions } from "../optimizer.js";
import type { Task, TrainingData } from "../task.js";
import { type Evaluation, Trainer } from "../trainer.js";
import { prepareContrastive } from "./contrastive.js";
import { preparePretraining } from "./pretraining.js";
import { prepareCoin, prepareCrossTask } from "./steps.js";
import type { TrainConfig } from "./schema.js";

/** What a configuration comes to: model, data and what is done with them. */
export interface PreparedRun {
  device: Device;
  task: Task;
  data: TrainingData;
  optimizer: OptimizerOptions;
  evaluation?: Evaluation;
  /** Shapes of the model's parameters. */
  parameters: (readonly number[])[];
  /** Examples to train on: those of an epoch. */
  examples: number;
  checkpointing?: boolean;
  chunk?: number;
  /** Writes the model, as it is now, to `out/model`. */
  save(): Promise<void>;
  dispose(): void;
}

/** Opens model and data of a configuration that was read from `file`. */
export function prepareRun(
  config: TrainConfig,
  file: string,
  onProgress: (progress: PackedPairsProgress) => void = () => undefined,
): Promise<PreparedRun> {
  switch (config.task) {
    case "contrastive":
      return prepareContrastive(config, file, onProgress);
    case "coin":
      return prepareCoin(config, file);
    case "crosstask":
      return prepareCrossTask(config, file);
    case "pretraining":
      return preparePretraining(config, file);
  }
}

const perUpdate = ({ batch = 1, accumulate = 1 }: TrainConfig): number => batch * accumulate;

/** Steps of a run: those of the configuration, or as many as its epochs take. */
export const stepsOf = (config: TrainConfig, { examples }: Pick<PreparedRun, "examples">): number =>
  config.steps ?? Math.ceil((config.epochs! * examples) / perUpdate(config));

/** What a run will be, for `--dry-run`. */
export function describeRun(config: TrainConfig, run: PreparedRun): Record<string, unknown> {
  const steps = stepsOf(config, run);
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

/** The trainer of a configuration; writes the configuration to its folder. */
export function makeTrainer(config: TrainConfig, file: string, run: PreparedRun, resume: boolean): Trainer {
  const folder = resolve(dirname(file), config.out);
  const trainer = new Trainer({
    device: run.device,
    task: run.task,
    data: run.data,
    optimizer: run.optimizer,
    schedule: config.schedule,
    steps: stepsOf(config, run),
    accumulate: config.accumulate,
    dropout: config.dropout,
    checkpointing: run.checkpointing,
    chunk: run.chunk,
    seed: config.seed,
    folder,
    resume,
    saveEvery: config.saveEvery,
    keep: config.keep,
    evaluation: run.evaluation,
  });
  writeFileSync(join(folder, "config.json"), `${JSON.stringify(config, null, 2)}\n`);
  return trainer;
}
