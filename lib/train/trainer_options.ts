import { Model } from "../models/own/model.js";
import { closestName } from "../base/suggest.js";
import { checkNames, wrongOption } from "./check_options.js";
import { type LossFunction, modelData, type ModelData, modelTask } from "./model_task.js";
import type { OptimizerOptions, ParameterGroup } from "./optimizer.js";
import type { Task, TrainingData } from "./task.js";
import type { Device } from "../runtime/device.js";
import type { Schedule } from "./schedules.js";
import type { Parameter } from "./step_program.js";

/** Evaluation between steps. */
export interface Evaluation {
  /** Evaluates after every `every` steps, and after the last step. */
  every: number;
  run(): Promise<Record<string, number>>;
  /** Metric whose best checkpoint is kept. */
  best?: { metric: string; mode: "max" | "min" } | undefined;
  /**
   * Ends the training after this number of evaluations in a row without a better value of `best`; a resumed run goes on
   * counting. Default: it runs to the last step.
   */
  patience?: number | undefined;
}

/** What makes a checkpoint a folder that loads as a model. */
export interface ModelFiles {
  /** Parameters of the model in the store that the task does not read, such as those of an encoder without a loss. */
  parameters?: readonly Parameter[] | undefined;
  /** Writes files such as `config.json` into the folder of a checkpoint, before the folder gets its name. */
  write(folder: string): void;
}

export interface TrainerOptions {
  device: Device;
  /** The task to train. The model's parameters are in the device's store. */
  task: Task;
  data: TrainingData;
  optimizer: OptimizerOptions;
  /** Default: a constant learning rate of 0.001. */
  schedule?: Schedule | undefined;
  /** Updates of the whole training. */
  steps: number;
  /** Batches whose gradients are summed for one update. Default 1. */
  accumulate?: number | undefined;
  /** Probability of dropout on hidden states, for models with dropout. Default 0. */
  dropout?: number | undefined;
  /**
   * Activation checkpointing: blocks (numbered layers) are recomputed in the backward pass instead of being kept. Less
   * memory, about a third more time, the same bits. Default false.
   */
  checkpointing?: boolean | undefined;
  /**
   * Rows of a batch that are encoded at once, for contrastive batches beyond memory; the loss is that of the whole batch (Gao et
   * al. 2021). About a third more time. Default: the whole batch.
   */
  chunk?: number | undefined;
  /** Seed of everything random inside the model, such as dropout; data has a separate seed. Default 0. */
  seed?: number | undefined;
  /** Folder of `checkpoints/` and `metrics.jsonl`. Without one nothing is written. */
  folder?: string | undefined;
  /** Continue from the last checkpoint in `folder`, if there is one. Default: a folder with a checkpoint is refused. */
  resume?: boolean | undefined;
  /** Steps between checkpoints; there is one after the last step too. Default 1000. */
  saveEvery?: number | undefined;
  /** Number of latest checkpoints that are kept, besides the best. Default 3. */
  keep?: number | undefined;
  evaluation?: Evaluation | undefined;
  /** What checkpoints have besides the parameters that the task reads. Default: nothing. */
  modelFiles?: ModelFiles | undefined;
  /** Training ends with an error after this number of consecutive steps without a finite gradient. Default 50. */
  maxSkipped?: number | undefined;
}

/** Options for training a `Model`. @typeParam T names of the arrays of a batch */
export interface ModelTrainerOptions<
  I extends string = string,
  O extends string = string,
  T extends string = string,
> extends Omit<TrainerOptions, "device" | "task" | "data" | "chunk" | "modelFiles"> {
  model: Model<I, O>;
  /** Called inside a trace with the outputs of the model and all arrays of a batch; returns a mean over the batch. */
  loss: LossFunction<O, T>;
  data: ModelData<T>;
  /** Examples per batch, if `data` is a list of examples. Default 32, or all if there are fewer. */
  batch?: number | undefined;
  /**
   * Parameters that are not trained, by regular expressions over their keys, such as `[/^encoder\./]`. A BatchNorm whose running
   * statistics are frozen uses them. See also `nn.frozen`.
   */
  freeze?: readonly (RegExp | string)[] | undefined;
}

const RUN = {
  data: true,
  optimizer: true,
  schedule: true,
  steps: true,
  accumulate: true,
  dropout: true,
  checkpointing: true,
  seed: true,
  folder: true,
  resume: true,
  saveEvery: true,
  keep: true,
  evaluation: true,
  maxSkipped: true,
} as const;
const OF_TASK = Object.keys({ device: true, task: true, chunk: true, modelFiles: true, ...RUN } satisfies Record<
  keyof TrainerOptions,
  true
>);
const OF_MODEL = Object.keys({
  ...{ model: true, loss: true, batch: true, freeze: true },
  ...RUN,
} satisfies Record<keyof ModelTrainerOptions, true>);

const CONSTANT: Schedule = { kind: "constant", learningRate: 1e-3 };

/** The checked options of a trainer, in the form for a task. */
export interface ResolvedOptions {
  options: TrainerOptions;
  schedule: Schedule;
  /** Parameters of a `Model` or of `modelFiles`, which checkpoints contain besides the parameters that the loss reads. */
  parameters: Parameter[];
  /** Whether parameters that the store lacks get initial values, such as those of the loss of a `Model`. */
  initialize: boolean;
}

/** @throws InvalidArgumentError for options that are missing, unknown or out of range */
export function resolveOptions(options: TrainerOptions | ModelTrainerOptions): ResolvedOptions {
  const own = typeof options === "object" && options !== null && "model" in options;
  checkNames("Trainer", options, own ? OF_MODEL : OF_TASK);
  for (const name of ["steps", "accumulate", "saveEvery", "keep", "maxSkipped", "chunk", "batch"] as const) {
    const value = (options as Partial<Record<typeof name, unknown>>)[name];
    if ((value === undefined && name !== "steps") || (Number.isSafeInteger(value) && (value as number) > 0)) continue;
    throw wrongOption(name, "a positive integer", value);
  }
  const { seed, dropout, schedule = CONSTANT, evaluation } = options;
  if (seed !== undefined && !Number.isSafeInteger(seed)) throw wrongOption("seed", "a whole number", seed);
  if (dropout !== undefined && !(dropout >= 0 && dropout < 1)) {
    throw wrongOption("dropout", "a probability from 0 to below 1", dropout);
  }
  if (evaluation !== undefined) checkEvaluation(evaluation);
  if (own) {
    const resolved = ofModel(options); // checks the model
    const parameters = [...options.model.parameters].map(([key, shape]) => ({ key, shape }));
    return { options: resolved, schedule, parameters, initialize: true };
  }
  const { task, device, data } = options as TrainerOptions;
  if (typeof device?.native !== "function") throw wrongOption("device", "a Device with the model's parameters", device);
  if (typeof task?.forward !== "function") throw wrongOption("task", "an object whose forward gives the loss", task);
  if (typeof data?.batch !== "function") throw wrongOption("data", "an object whose batch(index) makes a batch", data);
  const parameters = checkModelFiles((options as TrainerOptions).modelFiles);
  return { options: options as TrainerOptions, schedule, parameters, initialize: false };
}

/** The parameters of `modelFiles`. */
function checkModelFiles(files: TrainerOptions["modelFiles"]): Parameter[] {
  if (files === undefined) return [];
  checkNames("modelFiles", files, ["parameters", "write"]);
  if (typeof files.write !== "function") throw wrongOption("modelFiles.write", "a function of a folder", files.write);
  return [...(files.parameters ?? [])];
}

function checkEvaluation(evaluation: NonNullable<TrainerOptions["evaluation"]>): void {
  checkNames("evaluation", evaluation, ["every", "run", "best", "patience"]);
  const { every, run, best, patience } = evaluation;
  if (!Number.isSafeInteger(every) || every < 1) throw wrongOption("evaluation.every", "a positive integer", every);
  if (typeof run !== "function") throw wrongOption("evaluation.run", "a function that returns metrics by name", run);
  if (patience !== undefined && (!Number.isSafeInteger(patience) || patience < 1)) {
    throw wrongOption("evaluation.patience", "a positive integer", patience);
  }
  if (best === undefined) {
    if (patience === undefined) return;
    throw wrongOption("evaluation.best", "a metric and its mode, which patience follows", best);
  }
  checkNames("evaluation.best", best, ["metric", "mode"]);
  if (best.mode !== "max" && best.mode !== "min") throw wrongOption("evaluation.best.mode", "max or min", best.mode);
}

function ofModel(options: ModelTrainerOptions): TrainerOptions {
  const { model, loss, data, batch, freeze = [], optimizer, ...rest } = options;
  if (!(model instanceof Model)) throw wrongOption("model", "a Model of videoclip/nn", model);
  if (typeof loss !== "function") throw wrongOption("loss", "a function of the model's outputs and of the batch", loss);
  const groups = frozenGroups(model, freeze);
  return {
    ...rest,
    device: model.device,
    task: modelTask(model, loss),
    data: modelData(model, data, { batch, seed: rest.seed ?? 0 }),
    optimizer: groups.length > 0 ? { ...optimizer, groups: [...groups, ...(optimizer?.groups ?? [])] } : optimizer,
  };
}

function frozenGroups(model: Model, freeze: readonly (RegExp | string)[]): ParameterGroup[] {
  if (!Array.isArray(freeze)) throw wrongOption("freeze", "a list of regular expressions over keys", freeze);
  const keys = model.parameters.keys();
  return freeze.map((match: unknown, i) => {
    const expression = match instanceof RegExp || typeof match === "string" ? new RegExp(match) : undefined;
    if (expression && keys.some((key) => expression.test(key))) return { match: expression, frozen: true };
    const near = closestName(String(match), keys) ?? keys[0];
    throw wrongOption(
      `freeze[${i}]`,
      `a regular expression that some parameter matches (there is ${near})`,
      String(match),
    );
  });
}
