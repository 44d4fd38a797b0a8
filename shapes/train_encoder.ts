// Trains the video encoder and writes its weights, without the heads, as float16.
import { join } from "node:path";
import { createDevice } from "../dist/runtime/device.js";
import { optimize } from "../dist/compile/passes/index.js";
import { compile } from "../dist/runtime/compile.js";
import { input, trace } from "../dist/graph/trace.js";
import { accuracy } from "../dist/train/batches.js";
import { initializeParameters, parametersOfTask } from "../dist/train/initialize.js";
import { NO_DECAY, Optimizer, type OptimizerOptions } from "../dist/train/optimizer.js";
import { Trainer } from "../dist/train/trainer.js";
import { writeSafetensors } from "../dist/weights/index.js";
import { stored } from "../dist/weights/tensor.js";
import { attributeLogits, attributesBatch, attributesTask, HEADS } from "./encoder.js";

export interface EncoderRun {
  folder: string;
  seed: number;
  steps: number;
  batch: number;
  learningRate: number;
  threads?: number;
  signal?: AbortSignal;
  onStep?: (step: number, loss: number) => void;
}

/**
 * Trains to the last step, going on where an earlier run stopped, and writes `encoder.safetensors` into the folder.
 * @returns shares of right answers for clips of videos that were not trained on
 */
export async function trainEncoder(run: EncoderRun): Promise<Record<string, number>> {
  const { folder, seed, steps, batch, learningRate, threads, signal, onStep } = run;
  const device = createDevice({ device: "cpu", threads });
  const optimizer: OptimizerOptions = { kind: "adamw", weightDecay: 0.01, maxNorm: 5, groups: [NO_DECAY] };
  const parameters = parametersOfTask(attributesTask, attributesBatch(seed, 0, 2), new Optimizer(optimizer));
  initializeParameters(device.parameters, parameters, seed, "fan");
  const trainer = new Trainer({
    device,
    task: attributesTask,
    data: { batch: (index) => attributesBatch(seed, index, batch) },
    optimizer,
    schedule: { kind: "cosine", learningRate, warmup: 100, total: steps },
    steps,
    seed,
    folder,
    resume: true,
    saveEvery: 250,
  });
  for await (const { step, loss } of trainer.run({ signal })) onStep?.(step, loss);
  trainer.dispose();
  const kept = parameters.filter(({ key }) => !key.startsWith("heads."));
  const tensors = new Map(kept.map(({ key, shape }) => [key, stored(shape, () => device.parameters.get(key), "f16")]));
  writeSafetensors(join(folder, "encoder.safetensors"), tensors, { model: "s3d-tiny" });
  const right = await heldOutAccuracy(device, seed + 1000);
  device.dispose();
  return right;
}

async function heldOutAccuracy(device: ReturnType<typeof createDevice>, seed: number): Promise<Record<string, number>> {
  const { inputs } = attributesBatch(seed, 0, 512);
  const graph = trace(() => attributeLogits(input("video", inputs.video.shape)));
  const logits = await compile(optimize(graph), device).run({ video: inputs.video.data });
  return Object.fromEntries(
    Object.entries(HEADS).map(([name, classes]) => [
      name,
      accuracy(logits[name] as Float32Array, inputs[name].data, classes),
    ]),
  );
}
