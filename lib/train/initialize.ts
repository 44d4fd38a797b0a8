import type { ParameterStore } from "../graph/parameter_store.js";
import { elements } from "../graph/tensor.js";
import { hashNormal } from "../nn/random_weights.js";
import type { Optimizer } from "./optimizer.js";
import { type Parameter, traceStep } from "./step_program.js";
import type { Batch, Task } from "./task.js";

/** The parameters that a task needs for a batch. */
export const parametersOfTask = (task: Task, batch: Batch, optimizer: Optimizer): Parameter[] =>
  traceStep(task, batch, optimizer, "whole").model;

/**
 * Values to begin training with: matrices and kernels normal, scales of normalisations and running variances 1, other
 * vectors 0. A value follows from the seed and the key alone.
 * @param deviation of a matrix: 0.02 as in BERT (default), or `fan` for 1 / sqrt(inputs), or for kernels sqrt(2 / inputs)
 */
export function initializeParameters(
  store: Pick<ParameterStore, "set">,
  parameters: Iterable<Parameter>,
  seed: number,
  deviation: number | "fan" = 0.02,
): void {
  for (const { key, shape } of parameters) {
    const size = elements(shape);
    if (shape.length < 2) {
      store.set(key, shape, new Float32Array(size).fill(/(weight|gamma|running_var)$/.test(key) ? 1 : 0));
      continue;
    }
    const inputs = elements(shape.slice(1));
    const spread = deviation === "fan" ? Math.sqrt((shape.length > 2 ? 2 : 1) / inputs) : deviation;
    store.set(key, shape, hashNormal(`initial/${seed}/`, key, size, spread));
  }
}
