// Published names of the layers of X3D, by zoo.

/** The published keys of each layer. */
interface X3DKeys {
  stem: { spatial: string; temporal: string; norm: string };
  /** A convolution of block `index` of stage `stage` (2 to 5): the stage counts as in the paper, the block from 0. */
  unit(stage: number, index: number, part: X3DPart): { conv: string; norm: string };
  /** The two layers of a block's squeeze-and-excitation. */
  squeeze(stage: number, index: number): [reduce: string, expand: string];
  head: { conv5: { conv: string; norm: string }; lin5: string; projection: string };
}

/** Expansion 1x1x1, depthwise 3x3x3, projection 1x1x1, and the 1x1x1 convolution parallel to them. */
type X3DPart = "a" | "b" | "c" | "shortcut";

/**
 * PyTorchVideo's names. The stem's spatial convolution is called `conv_t` and the temporal one `conv_xy`, as their
 * shapes show.
 */
const pytorchvideo: X3DKeys = {
  stem: { spatial: "blocks.0.conv.conv_t", temporal: "blocks.0.conv.conv_xy", norm: "blocks.0.norm" },
  unit(stage, index, part) {
    const block = `blocks.${stage - 1}.res_blocks.${index}`;
    if (part === "shortcut") return { conv: `${block}.branch1_conv`, norm: `${block}.branch1_norm` };
    const norm = `${block}.branch2.norm_${part}`;
    // a sequence follows the depthwise convolution: BatchNorm (0), then squeeze-and-excitation (1)
    return { conv: `${block}.branch2.conv_${part}`, norm: part === "b" ? `${norm}.0` : norm };
  },
  squeeze(stage, index) {
    const block = `blocks.${stage - 1}.res_blocks.${index}.branch2.norm_b.1.block`;
    return [`${block}.0`, `${block}.2`];
  },
  head: {
    conv5: { conv: "blocks.5.pool.pre_conv", norm: "blocks.5.pool.pre_norm" },
    lin5: "blocks.5.pool.post_conv",
    projection: "blocks.5.proj",
  },
};

/** SlowFast's names. */
const slowfast: X3DKeys = {
  stem: { spatial: "s1.pathway0_stem.conv_xy", temporal: "s1.pathway0_stem.conv", norm: "s1.pathway0_stem.bn" },
  unit(stage, index, part) {
    const block = `s${stage}.pathway0_res${index}`;
    if (part === "shortcut") return { conv: `${block}.branch1`, norm: `${block}.branch1_bn` };
    return { conv: `${block}.branch2.${part}`, norm: `${block}.branch2.${part}_bn` };
  },
  squeeze(stage, index) {
    const block = `s${stage}.pathway0_res${index}.branch2.se`;
    return [`${block}.fc1`, `${block}.fc2`];
  },
  head: {
    conv5: { conv: "head.conv_5", norm: "head.conv_5_bn" },
    lin5: "head.lin_5",
    projection: "head.projection",
  },
};

const ZOOS = { pytorchvideo, slowfast };
export type Zoo = keyof typeof ZOOS;

/** SlowFast's BatchNorm after the first shortcut of stage 2, which PyTorchVideo does not have. */
export const EXTRA = slowfast.unit(2, 0, "shortcut").norm;

/** Maps PyTorchVideo's name of every layer to that of a zoo. @param blocks residual blocks of the four stages */
export function layerNames(zoo: Zoo, blocks: readonly number[]): Map<string, string> {
  const map = new Map<string, string>();
  const [from, to] = [pytorchvideo, ZOOS[zoo]];
  const unit = (a: { conv: string; norm: string }, b: { conv: string; norm: string }) =>
    map.set(a.conv, b.conv).set(a.norm, b.norm);
  map.set(from.stem.spatial, to.stem.spatial).set(from.stem.temporal, to.stem.temporal);
  map.set(from.stem.norm, to.stem.norm);
  unit(from.head.conv5, to.head.conv5);
  map.set(from.head.lin5, to.head.lin5).set(from.head.projection, to.head.projection);
  blocks.forEach((count, i) => {
    for (let index = 0; index < count; index++) {
      for (const part of ["a", "b", "c", "shortcut"] as const) {
        unit(from.unit(i + 2, index, part), to.unit(i + 2, index, part));
      }
      from.squeeze(i + 2, index).forEach((key, n) => map.set(key, to.squeeze(i + 2, index)[n]));
    }
  });
  return map;
}
