// A narrow S3D and a narrow X3D learn the direction of a motion, which no single frame shows.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createDevice } from "#lib/runtime/device.js";
import { optimize } from "#lib/compile/passes/index.js";
import { compile } from "#lib/runtime/compile.js";
import type { Tensor } from "#lib/graph/tensor.js";
import { input, trace } from "#lib/graph/trace.js";
import { S3D, s3dFeatures } from "#lib/models/video/s3d.js";
import { X3D, x3dFeatures } from "#lib/models/video/x3d.js";
import * as nn from "#lib/nn/layers.js";
import { Random } from "#lib/base/random.js";
import { accuracy } from "#lib/train/batches.js";
import { initializeParameters, parametersOfTask } from "#lib/train/initialize.js";
import { NO_DECAY, Optimizer, type OptimizerOptions } from "#lib/train/optimizer.js";
import { clipBatch, videoClassification } from "#lib/train/tasks/video_classification.js";
import { Trainer } from "#lib/train/trainer.js";

const test = suite("motion");
const FRAMES = 8;
const SIZE = 32;
const SPOT = 9;
const STEP = 3;
const DIRECTIONS = [
  [STEP, 0],
  [-STEP, 0],
  [0, STEP],
  [0, -STEP],
];

type Network = (video: Tensor) => Tensor;
const classifier = (features: Tensor): Tensor => nn.linear(nn.globalMean(features), "classifier", DIRECTIONS.length);
// torchvision's momentum of 0.001 would leave the running statistics at their initial values
const s3d: Network = (video) => classifier(s3dFeatures(video, { ...S3D, width: 1 / 8, batchNormMomentum: 0.1 }));
const x3d: Network = (video) => classifier(x3dFeatures(video, { ...X3D["x3d-xs"], depthFactor: 1, widthFactor: 1 }));

/** A coloured square that moves over noise and wraps around at the border. */
function clip(stream: number, index: number): { data: Float32Array; label: number } {
  const random = new Random(6, stream, index);
  const label = random.integer(0, DIRECTIONS.length - 1);
  const [dy, dx] = DIRECTIONS[label];
  const [y0, x0] = [random.integer(0, SIZE - 1), random.integer(0, SIZE - 1)];
  const color = [0, 1, 2].map(() => 1 + random.uniform());
  const data = Float32Array.from({ length: FRAMES * SIZE * SIZE * 3 }, () => 0.3 * (random.uniform() - 0.5));
  const wrap = (v: number) => ((v % SIZE) + SIZE) % SIZE;
  for (let t = 0; t < FRAMES; t++) {
    for (let i = 0; i < SPOT * SPOT; i++) {
      const y = wrap(y0 + t * dy + Math.floor(i / SPOT));
      const x = wrap(x0 + t * dx + (i % SPOT));
      for (let c = 0; c < 3; c++) data[((t * SIZE + y) * SIZE + x) * 3 + c] += color[c];
    }
  }
  return { data, label };
}

async function learns(network: Network, steps: number): Promise<void> {
  const device = createDevice({ device: "cpu", threads: 2 });
  const size = 32;
  const shape = [FRAMES, SIZE, SIZE, 3] as const;
  const batch = (stream: number, index: number, count: number) =>
    clipBatch(
      Array.from({ length: count }, (_, i) => clip(stream, index * count + i)),
      shape,
    );
  const task = videoClassification(network);
  const optimizer: OptimizerOptions = { kind: "adamw", weightDecay: 0.01, maxNorm: 5, groups: [NO_DECAY] };
  initializeParameters(device.parameters, parametersOfTask(task, batch(1, 0, 2), new Optimizer(optimizer)), 1, "fan");
  const trainer = new Trainer({
    device,
    task,
    data: { batch: (index) => batch(1, index, size) },
    optimizer,
    schedule: { kind: "linear", learningRate: 3e-3, warmup: 20, total: steps + 20 },
    steps,
  });
  const losses: number[] = [];
  for await (const { loss } of trainer.run()) losses.push(loss);
  const held = batch(2, 0, 256);
  const graph = trace(() => ({ logits: network(input("video", held.inputs.video.shape)) }));
  const { logits } = await compile(optimize(graph), device).run({ video: held.inputs.video.data });
  process.stdout.write(`loss ${losses[0].toFixed(3)} to ${losses.at(-1)!.toFixed(3)}\n`);
  const right = accuracy(logits, held.inputs.labels.data, DIRECTIONS.length);
  process.stdout.write(`right ${right}\n`);
  assert.ok(right >= 0.95, `right ${right}`);
  trainer.dispose();
  device.dispose();
}

test("S3D: the accuracy for the directions of held-out clips is at least 0.95", () => learns(s3d, 180));
test("X3D: the accuracy for the directions of held-out clips is at least 0.95", () => learns(x3d, 180));

test.run();
