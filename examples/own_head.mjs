// Puts a head of one's own on a published encoder, X3D-S, and trains it: the head alone first, then all of it.
// Usage: node examples/own_head.mjs [X3D_S.pyth]   (without a file the encoder has generated weights)
import { Random, Trainer } from "videoclip/train";
import * as nn from "videoclip/nn";

const [weights] = process.argv.slice(2);
const CLIP = [4, 48, 48, 3];

/** u8 frames of noise, brighter on the left or on the right. */
function clip(index) {
  const random = new Random(7, 0, index);
  const label = index % 2;
  const video = Uint8Array.from({ length: CLIP.reduce((a, b) => a * b) }, (_, i) => {
    const column = Math.floor(i / 3) % CLIP[2];
    return 100 * random.uniform() + (column < CLIP[2] / 2 === (label === 0) ? 100 : 0);
  });
  return { video, label };
}

/** The encoder takes u8 frames and normalises them as its publishers do. */
const net = (video) => {
  const features = nn.videoEncoder(video, "encoder", { model: "x3d-s" });
  return { logits: nn.linear(nn.dropout(features), "head", 2) };
};
const model = await nn.Model.fromPretrained(net, {
  inputs: { video: CLIP },
  dtypes: { video: "u8" },
  pretrained: { encoder: weights ? { weights } : { randomWeights: 1 } },
  seed: 1,
});

const data = Array.from({ length: 16 }, (_, i) => clip(i));
async function train(name, steps, rate, freeze) {
  const trainer = new Trainer({
    model,
    data,
    batch: 8,
    loss: ({ logits }, { label }) => nn.losses.crossEntropy(logits, label),
    optimizer: { kind: "adamw", maxNorm: 1 },
    schedule: { kind: "constant", learningRate: rate },
    steps,
    freeze,
  });
  const losses = [];
  for await (const { loss } of trainer.run()) losses.push(loss);
  console.log(
    `${name}: ${trainer.trained.length} tensors trained, loss ${losses[0].toFixed(3)} to ${losses.at(-1).toFixed(3)}`,
  );
  trainer.dispose();
}
await train("head", 12, 1e-3, [/^encoder\./]);
await train("all", 8, 1e-5, []);
model.dispose();
