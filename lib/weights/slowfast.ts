import { floatValues } from "./float_values.js";
import { type KeyRename, renameKeys } from "./rename.js";
import { stored, type StoredTensor } from "./tensor.js";

/** PyTorchVideo's names of the parts of a block by SlowFast's. */
const PARTS: Record<string, string> = {
  branch1: "branch1_conv",
  branch1_bn: "branch1_norm",
  "branch2.a": "branch2.conv_a",
  "branch2.a_bn": "branch2.norm_a",
  "branch2.b": "branch2.conv_b",
  // after the depthwise convolution PyTorchVideo has a sequence: BatchNorm (0), then squeeze-and-excitation (1)
  "branch2.b_bn": "branch2.norm_b.0",
  "branch2.se.fc1": "branch2.norm_b.1.block.0",
  "branch2.se.fc2": "branch2.norm_b.1.block.2",
  "branch2.c": "branch2.conv_c",
  "branch2.c_bn": "branch2.norm_c",
};

/** Names of layers outside the blocks. PyTorchVideo calls the stem's spatial convolution `conv_t`, the temporal one `conv_xy`. */
const LAYERS: Record<string, string> = {
  "s1.pathway0_stem.conv_xy": "blocks.0.conv.conv_t",
  "s1.pathway0_stem.conv": "blocks.0.conv.conv_xy",
  "s1.pathway0_stem.bn": "blocks.0.norm",
  "head.conv_5": "blocks.5.pool.pre_conv",
  "head.conv_5_bn": "blocks.5.pool.pre_norm",
  "head.lin_5": "blocks.5.pool.post_conv",
  "head.projection": "blocks.5.proj",
};

function layerName(layer: string): string {
  const block = /^s(\d+)\.pathway0_res(\d+)\.(.+)$/.exec(layer);
  if (!block) return LAYERS[layer] ?? layer;
  const [, stage, index, part] = block;
  return `blocks.${Number(stage) - 1}.res_blocks.${index}.${PARTS[part] ?? part}`;
}

const rename = renameKeys((key) => {
  const dot = key.lastIndexOf(".");
  return dot < 0 ? key : `${layerName(key.slice(0, dot))}${key.slice(dot)}`;
});

const BATCH_NORM_EPS = 1e-5;
const BLOCK = "blocks.1.res_blocks.0";
const SHORTCUT = `${BLOCK}.branch1_norm`;

/**
 * SlowFast's X3D to PyTorchVideo's. SlowFast has an additional BatchNorm after the first shortcut of stage 2, y = s
 * conv(x) + t with s = weight / sqrt(variance + eps), t = bias - s mean. Its s is folded into the weights of that
 * convolution, its t into the bias of the BatchNorm whose result is added to the shortcut. In inference the networks
 * are equal.
 */
export const slowfastToPytorchvideo: KeyRename = (tensors) => {
  const out = rename(tensors);
  const [weight, bias, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map((name) =>
    out.get(`${SHORTCUT}.${name}`),
  );
  const conv = out.get(`${BLOCK}.branch1_conv.weight`);
  const sum = out.get(`${BLOCK}.branch2.norm_c.bias`);
  if (!weight || !bias || !mean || !variance || !conv || !sum) return out; // the check of keys reports missing ones
  const [channels] = conv.shape;
  const fits = [weight, bias, mean, variance, sum].every(({ shape }) => shape.join() === `${channels}`);
  if (!fits) return out;
  const values = (tensor: StoredTensor) => floatValues(tensor.dtype, tensor.read());
  const scale = () => {
    const v = values(variance);
    return Float64Array.from(values(weight), (w, c) => w / Math.sqrt(v[c] + BATCH_NORM_EPS));
  };
  out.set(
    `${BLOCK}.branch1_conv.weight`,
    stored(
      conv.shape,
      () => {
        const s = scale();
        const w = values(conv);
        return w.map((value, i) => value * s[Math.floor((i * channels) / w.length)]);
      },
      "f32",
    ),
  );
  out.set(
    `${BLOCK}.branch2.norm_c.bias`,
    stored(
      sum.shape,
      () => {
        const [s, b, m] = [scale(), values(bias), values(mean)];
        return values(sum).map((value, c) => value + b[c] - s[c] * m[c]);
      },
      "f32",
    ),
  );
  for (const name of ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]) {
    out.delete(`${SHORTCUT}.${name}`);
  }
  return out;
};
