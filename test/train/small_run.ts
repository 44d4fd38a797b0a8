// A network that trains within milliseconds: two layers that learn a fixed function, with a running statistic.
import { fill, reduceSum } from "#lib/ops/index.js";
import { applyOp, parameter, update } from "#lib/graph/trace.js";
import * as nn from "#lib/nn/layers.js";
import type { Device } from "#lib/runtime/device.js";
import { Random } from "#lib/base/random.js";
import type { Task, TrainingData } from "#lib/train/task.js";
import type { TrainerOptions } from "#lib/train/trainer_options.js";

const INPUTS = 4;
const HIDDEN = 24;

/** Sets the weights in the store from a seed. */
export function initialise(device: Device, seed = 1): void {
  const random = new Random(seed, 9);
  const set = (key: string, ...shape: number[]) => {
    const size = shape.reduce((a, b) => a * b, 1);
    device.parameters.set(
      key,
      shape,
      Float32Array.from({ length: size }, () => random.normal() / Math.sqrt(shape[1] ?? 100)),
    );
  };
  set("first.weight", HIDDEN, INPUTS);
  set("first.bias", HIDDEN);
  set("second.weight", 1, HIDDEN);
  set("second.bias", 1);
  device.parameters.set("statistic", [1], Float32Array.of(0));
}

const mean = (x: ReturnType<typeof nn.relu>, count: number) =>
  nn.binary(
    applyOp(reduceSum, [nn.reshape(x, [1, count])], { axes: [1] })[0],
    applyOp(fill, [], { shape: [1], value: 1 / count })[0],
    "mul",
  );

/** Mean squared error; `statistic` counts the steps. */
const task: Task = {
  forward: ({ x, y }) => {
    const difference = nn.binary(nn.linear(nn.unary(nn.linear(x, "first", HIDDEN), "tanh"), "second", 1), y, "sub");
    const statistic = parameter("statistic", [1]);
    update(statistic, nn.binary(statistic, applyOp(fill, [], { shape: [1], value: 1 })[0], "add"));
    const loss = mean(nn.binary(difference, difference, "mul"), y.shape[0]);
    return { loss, twice: nn.binary(loss, loss, "add") };
  },
};

/** y = sin(x0 + x1) + x2 x3 of normal x. `broken`: batches with a NaN. */
export const data = (examples: number, broken: readonly number[] = []): TrainingData => ({
  batch(index) {
    const x = new Float32Array(examples * INPUTS);
    const y = new Float32Array(examples);
    for (let i = 0; i < examples; i++) {
      const random = new Random(3, 0, index * examples + i);
      for (let j = 0; j < INPUTS; j++) x[i * INPUTS + j] = random.normal();
      const [a, b, c, d] = x.subarray(i * INPUTS);
      y[i] = Math.sin(a + b) + c * d;
    }
    if (broken.includes(index)) x[1] = NaN;
    return { examples, inputs: { x: { data: x, shape: [examples, INPUTS] }, y: { data: y, shape: [examples, 1] } } };
  },
});

export const options = (device: Device, change: Partial<TrainerOptions> = {}): TrainerOptions => ({
  device,
  task,
  data: data(32),
  optimizer: { kind: "adamw", weightDecay: 0.01, maxNorm: 5 },
  schedule: { kind: "cosine", learningRate: 0.02, warmup: 5, total: 200 },
  steps: 12,
  ...change,
});
