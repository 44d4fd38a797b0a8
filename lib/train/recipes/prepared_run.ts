import type { Device, DeviceName } from "../../runtime/device.js";
import type { OptimizerOptions } from "../optimizer.js";
import type { PackedPairsProgress } from "../packed_pairs.js";
import type { Parameter } from "../step_program.js";
import type { Task, TrainingData } from "../task.js";
import type { Evaluation } from "../trainer_options.js";

/** The prepared parts of a run: model, data, evaluation and saving. */
export interface PreparedRun {
  device: Device;
  task: Task;
  data: TrainingData;
  optimizer: OptimizerOptions;
  evaluation?: Evaluation | undefined;
  /** Parameters of the model. */
  parameters: readonly Parameter[];
  /** Training examples per epoch. */
  examples: number;
  checkpointing?: boolean | undefined;
  chunk?: number | undefined;
  /** Writes the files of the model that a run does not change: its configuration, a tokenizer, a frozen encoder. */
  saveFiles(folder: string): Promise<void>;
  /** Writes the files beside the weights that a run does change. */
  saveBeside?: ((folder: string) => void) | undefined;
  /** Sentences about the data. */
  warnings?: readonly string[] | undefined;
  dispose(): void;
}

/** Settings outside the configuration: the folder of its paths, and how it is run. */
export interface RunContext {
  /** Absolute path of a path of the configuration. */
  path(name: string): string;
  /** Replaces the configuration's device. */
  device?: DeviceName | Device | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: PackedPairsProgress) => void) | undefined;
}
