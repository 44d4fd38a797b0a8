import type { ParameterStore } from "../runtime/parameter_store.js";
import { type Deviation, initialValues } from "../nn/initial.js";
import type { Optimizer } from "./optimizer.js";
import { type Parameter, traceStep } from "./step_program.js";
import type { Batch, Task } from "./task.js";

/** The parameters that a task needs for a batch. */
export const parametersOfTask = (task: Task, batch: Batch, optimizer: Optimizer): Parameter[] =>
  traceStep(task, batch, optimizer, "whole").model;

/**
 * Sets initial values: matrices and kernels normal, scales of normalisations and running variances 1, other vectors 0.
 * A value depends on the seed and the key alone.
 * @param deviation of a matrix: 0.02 as in BERT (default), or `fan` for 1 / sqrt(inputs), or for kernels sqrt(2 /
 * inputs)
 */
export function initializeParameters(
  store: Pick<ParameterStore, "set">,
  parameters: Iterable<Parameter>,
  seed: number,
  deviation: Deviation = 0.02,
): void {
  for (const { key, shape } of parameters) {
    store.set(key, shape, initialValues(key, shape, seed, undefined, deviation));
  }
}
