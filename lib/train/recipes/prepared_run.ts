import type { Device, DeviceName } from "../../runtime/device.js";
import type { OptimizerOptions } from "../optimizer.js";
import type { PackedPairsProgress } from "../packed_pairs.js";
import type { Task, TrainingData } from "../task.js";
import type { Evaluation } from "../trainer_options.js";

/** What a configuration comes to: model, data and what is done with them. */
export interface PreparedRun {
  device: Device;
  task: Task;
  data: TrainingData;
  optimizer: OptimizerOptions;
  evaluation?: Evaluation | undefined;
  /** Shapes of the model's parameters. */
  parameters: (readonly number[])[];
  /** Examples to train on: those of an epoch. */
  examples: number;
  checkpointing?: boolean | undefined;
  chunk?: number | undefined;
  /** Writes the model, as it is now, to a folder. */
  save(folder: string): Promise<void>;
  dispose(): void;
}

/** What a configuration does not say itself: where its files are, and how it is run. */
export interface RunContext {
  /** Absolute path of a path of the configuration. */
  path(name: string): string;
  /** In place of the configuration's device. */
  device?: DeviceName | Device | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: PackedPairsProgress) => void) | undefined;
}
