// One step of training VideoCLIP: the case's sizes, its batch, and the step as a program of this package.
import { createDevice } from "../../dist/runtime/device.js";
import { compile } from "../../dist/runtime/compile.js";
import { elements } from "../../dist/graph/tensor.js";
import { type VideoClipConfig, videoClipConfig } from "../../dist/models/videoclip/videoclip_config.js";
import { initializeParameters, parametersOfTask } from "../../dist/train/initialize.js";
import { Optimizer } from "../../dist/train/optimizer.js";
import { traceStep } from "../../dist/train/step_program.js";
import type { BatchArray } from "../../dist/train/task.js";
import { contrastiveBatch, contrastiveTask } from "../../dist/train/tasks/contrastive.js";
import type { Job, Spec } from "./spec.js";

export type TrainSpec = Extract<Spec, { kind: "train" }>;

/** Optimizer settings of every engine: Adam, as in VideoCLIP. */
export const RATE = 1e-4;
export const BETA2 = 0.98;
export const MAX_NORM = 2;

/** Sizes of the model; missing ones are the published sizes. */
export function trainConfig({ hidden, heads, videoLayers, textLayers }: TrainSpec): VideoClipConfig {
  return videoClipConfig({ hiddenSize: hidden, heads, intermediateSize: 4 * hidden, videoLayers, textLayers });
}

/** The case for engines that do not use this package. */
export const trainJob = (spec: TrainSpec): object => ({
  config: trainConfig(spec),
  rate: RATE,
  beta2: BETA2,
  max_norm: MAX_NORM,
});

/** Full videos and full texts, so that no token is masked. */
export function trainBatch(spec: TrainSpec): Record<string, BatchArray> {
  const config = trainConfig(spec);
  const { maxVideoLength: T, maxTextLength: S, featureSize } = config;
  const pairs = Array.from({ length: spec.pairs }, (_, i) => ({
    video: {
      data: Float32Array.from({ length: T * featureSize }, (_, j) => Math.sin(i * T * featureSize + j)),
      shape: [T, featureSize] as [number, number],
    },
    text: Array.from({ length: S }, (_, j) => 1000 + (((i * S + j) * 7919) % 28000)),
  }));
  return contrastiveBatch(pairs, config).inputs;
}

/** One whole step, from the batch in the device's arrays to the updated weights. */
export function trainStep(spec: TrainSpec, { threads, precision }: Job): () => Promise<void> {
  const device = createDevice({ threads, precision });
  const task = contrastiveTask(trainConfig(spec));
  const arrays = trainBatch(spec);
  const batch = { inputs: arrays, examples: spec.pairs };
  const optimizer = new Optimizer({ kind: "adam", beta2: BETA2, maxNorm: MAX_NORM });
  initializeParameters(device.parameters, parametersOfTask(task, batch, optimizer), 1);
  const { graph, trained } = traceStep(task, batch, optimizer, "whole");
  optimizer.allocateState(device, trained);
  const program = compile(graph, device);
  const inputs = Object.fromEntries(
    [...program.inputs].map(([name, { shape, dtype }]) => {
      const array = device.allocate(elements(shape), dtype as "i32");
      array.set(arrays[name].data);
      return [name, array];
    }),
  );
  const keys = trained.map(({ key }) => key);
  let update = 0;
  return async () => {
    await program.run({ ...inputs, ...optimizer.scalars(keys, ++update, RATE), loss_scale: 1 });
  };
}
