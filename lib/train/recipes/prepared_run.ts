import type { Device, DeviceName } from "../../runtime/device.js";
import type { OptimizerOptions } from "../optimizer.js";
import type { PackedPairsProgress } from "../packed_pairs.js";
import type { Task, TrainingData } from "../task.js";
import type { Evaluation } from "../trainer_options.js";

/** The prepared parts of a run: model, data, evaluation and saving. */
export interface PreparedRun {
  device: Device;
  task: Task;
  data: TrainingData;
  optimizer: OptimizerOptions;
  evaluation?: Evaluation | undefined;
  /** Shapes of the model's parameters. */
  parameters: (readonly number[])[];
  /** Training examples per epoch. */
  examples: number;
  checkpointing?: boolean | undefined;
  chunk?: number | undefined;
  /** Writes the current model to a folder. */
  save(folder: string): Promise<void>;
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
