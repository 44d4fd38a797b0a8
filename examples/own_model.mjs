// Defines a small separable CNN, trains it to say where a square moves, and saves, reloads and exports it.
// Usage: node examples/own_model.mjs [FOLDER]
import { join } from "node:path";
import { accuracy, Random, Trainer } from "videoclip/train";
import * as nn from "videoclip/nn";

const [folder = "own_model"] = process.argv.slice(2);
const [FRAMES, SIDE] = [8, 16];
const DIRECTIONS = [[1, 0], [-1, 0], [0, 1], [0, -1]]; // prettier-ignore

/** A clip of a square of a random colour that moves one pixel a frame. */
function movingSquare(seed, index) {
  const random = new Random(seed, 0, index);
  const label = random.integer(0, DIRECTIONS.length - 1);
  const [dx, dy] = DIRECTIONS[label];
  const [left, top] = [random.integer(0, SIDE - 1), random.integer(0, SIDE - 1)];
  const colour = [random.uniform(), random.uniform(), random.uniform()];
  const video = new Float32Array(FRAMES * SIDE * SIDE * 3);
  const wrapped = (v) => (v + FRAMES * SIDE) % SIDE;
  for (let t = 0; t < FRAMES; t++) {
    for (let y = 0; y < 4; y++) {
      for (let x = 0; x < 4; x++) {
        const at = (t * SIDE + wrapped(top + dy * t + y)) * SIDE + wrapped(left + dx * t + x);
        video.set(colour, 3 * at);
      }
    }
  }
  return { video, label };
}

/** Three blocks of a convolution in space and one in time, as S3D has them. */
function net(video) {
  let x = video;
  for (const [i, width] of [12, 24, 48].entries()) {
    const stride = i === 0 ? 1 : [1, 2, 2];
    x = nn.scope(`block.${i}`, () => {
      const space = nn.conv3d(x, "space", width, { kernel: [1, 3, 3], stride, padding: [0, 1, 1], bias: false });
      const y = nn.relu(nn.batchNorm(space, "space_norm"));
      const time = nn.conv3d(y, "time", width, { kernel: [3, 1, 1], padding: [1, 0, 0], bias: false });
      return nn.relu(nn.batchNorm(time, "time_norm"));
    });
  }
  return { logits: nn.linear(nn.globalMean(x), "head", DIRECTIONS.length) };
}

const model = nn.Model.create(net, { inputs: { video: [FRAMES, SIDE, SIDE, 3] }, seed: 1 });
console.log(`${model.parameters.count} parameters`);

const trainer = new Trainer({
  model,
  data: Array.from({ length: 512 }, (_, i) => movingSquare(1, i)),
  batch: 32,
  loss: ({ logits }, { label }) => nn.losses.crossEntropy(logits, label),
  optimizer: { kind: "adamw", weightDecay: 0.01 },
  schedule: { kind: "cosine", learningRate: 3e-3, warmup: 5 },
  steps: 100,
});
for await (const { step, loss } of trainer.run()) {
  if (step % 20 === 0) console.log(`step ${step}: loss ${loss.toFixed(3)}`);
}
trainer.dispose();

const held = Array.from({ length: 200 }, (_, i) => movingSquare(2, i));
const video = Float32Array.from(held.flatMap((clip) => [...clip.video]));
const labels = held.map(({ label }) => label);
const { logits } = await model.run({ video });
console.log(`${(100 * accuracy(logits.data, labels, DIRECTIONS.length)).toFixed(1)} % of 200 held-out clips are right`);

await model.save(folder);
const reloaded = await nn.Model.load(net, folder);
const again = await reloaded.run({ video });
const same = logits.data.every((value, i) => value === again.logits.data[i]);
console.log(`reloaded: ${same ? "the same bits" : "other bits"}`);

const onnx = model.toOnnx({ batch: 1 });
await onnx.save(join(folder, "model.onnx"));
console.log(`${join(folder, "model.onnx")}: ${onnx.bytes} bytes`);
reloaded.dispose();
model.dispose();
