// Nets and data that several tests of user-defined models share.
import type { Trainer } from "#lib/train/index.js";
import { elements } from "#lib/graph/tensor.js";
import * as nn from "#lib/nn/index.js";
import { hashValues } from "#lib/nn/random_weights.js";

/** S3D's separable blocks: 1x3x3 and 3x1x1, each with BatchNorm and ReLU. */
export const separable = (video: nn.Tensor) => {
  let x = video;
  for (const [i, width] of [8, 16].entries()) {
    x = nn.scope(`block.${i}`, () => {
      const space = nn.conv3d(x, "space", width, {
        kernel: [1, 3, 3],
        stride: [1, 2, 2],
        padding: "same",
        bias: false,
      });
      const y = nn.relu(nn.batchNorm(space, "space_norm"));
      const time = nn.conv3d(y, "time", width, { kernel: [3, 1, 1], padding: [1, 0, 0], bias: false });
      return nn.batchNorm(time, "time_norm", { relu: true });
    });
  }
  return { logits: nn.linear(nn.globalMean(x), "head", 3), map: x };
};
export const CLIP = [4, 12, 12, 3] as const;

/** Smooth values that are determined by a name. */
export const values = (name: string, ...shape: number[]) => hashValues("nn/", name, elements(shape));

/** Clips whose class is their brightest channel. */
export const colours = (count: number, first = 0) =>
  Array.from({ length: count }, (_, i) => {
    const video = values(`clip ${first + i}`, ...CLIP);
    const label = (first + i) % 3;
    for (let p = label; p < video.length; p += 3) video[p] += 0.7;
    return { video, label };
  });

/** Trains to the end. @returns the losses */
export async function losses(trainer: Trainer): Promise<number[]> {
  const list: number[] = [];
  try {
    for await (const { loss } of trainer.run()) list.push(loss);
  } finally {
    trainer.dispose();
  }
  return list;
}

/** Changes a model's running statistics to separate values, as training does. */
export function unsettle(model: nn.Model): void {
  for (const [key, shape] of model.parameters) {
    if (!/running_|norm\.|_norm|bias$/.test(key)) continue;
    const v = values(key, ...shape);
    model.parameters.set(
      key,
      v.map((x) => (/running_var|weight$/.test(key) ? 1 + 0.4 * x : 0.3 * x)),
    );
  }
}
