/** Keys of the layers of an S3D network. A model has one layout; files with other keys are loaded with `rename`. */
export interface S3DKeys {
  /** Convolution and BatchNorm of a unit. `part` is one half of a separable pair, or the single convolution. */
  unit(block: string, branch: string, part: Part): { conv: string; norm: string };
  /** The self-gate after a branch (or after 2c). */
  gate(block: string, branch: string): string;
  /** Name of the probe of the block's output. */
  stage(block: string): string;
}

export type Part = "single" | "spatial" | "temporal";

/** Inception blocks: widths of b0, b1 (1x1x1, 3x3x3), b2 (1x1x1, 3x3x3), b3. All S3D encoders have these. */
export const INCEPTION: Record<string, [number, [number, number], [number, number], number]> = {
  "3b": [64, [96, 128], [16, 32], 32],
  "3c": [128, [128, 192], [32, 96], 64],
  "4b": [192, [96, 208], [16, 48], 64],
  "4c": [160, [112, 224], [24, 64], 64],
  "4d": [128, [128, 256], [24, 64], 64],
  "4e": [112, [144, 288], [32, 64], 64],
  "4f": [256, [160, 320], [32, 128], 128],
  "5b": [256, [160, 320], [32, 128], 128],
  "5c": [384, [192, 384], [48, 128], 128],
};

const FEATURES = ["1a", "2a", "2b", "2c", "3a", "3b", "3c", "4a", "4b", "4c", "4d", "4e", "4f", "5a", "5b", "5c"];
const TORCH_BRANCH: Record<string, string> = {
  b0: "branch0",
  b1a: "branch1.0",
  b1b: "branch1.1",
  b2a: "branch2.0",
  b2b: "branch2.1",
  b3: "branch3.1",
};

/** torchvision's names: `features.N...`; a separable pair is `.0` (spatial) and `.1` (temporal). */
export const torchvisionKeys: S3DKeys = {
  unit(block, branch, part) {
    const prefix = [
      `features.${FEATURES.indexOf(block)}`,
      TORCH_BRANCH[branch],
      { single: "", spatial: "0", temporal: "1" }[part],
    ]
      .filter(Boolean)
      .join(".");
    return { conv: `${prefix}.0`, norm: `${prefix}.1` };
  },
  gate: (block, branch) =>
    `${[`features.${FEATURES.indexOf(block)}`, TORCH_BRANCH[branch]].filter(Boolean).join(".")}.gate`,
  stage: (block) => `features.${FEATURES.indexOf(block)}`,
};

const MIECH_BRANCH: Record<string, string> = {
  b0: ".conv_b0",
  b1a: ".conv_b1_a",
  b1b: ".conv_b1_b",
  b2a: ".conv_b2_a",
  b2b: ".conv_b2_b",
  b3: ".conv_b3_b",
};
const miechBlock = (block: string) => ({ "1a": "conv1", "2b": "conv_2b", "2c": "conv_2c" })[block] ?? `mixed_${block}`;

/** Names of antoine77340/S3D_HowTo100M: `mixed_3b.conv_b1_b.conv2.weight`, `mixed_3b.gating_b1.fc.weight`. */
export const miechKeys: S3DKeys = {
  unit(block, branch, part) {
    const prefix = miechBlock(block) + (MIECH_BRANCH[branch] ?? "");
    const i = part === "temporal" ? 2 : 1;
    return { conv: `${prefix}.conv${i}`, norm: `${prefix}.bn${i}` };
  },
  gate: (block, branch) => (block === "2c" ? "gating.fc" : `mixed_${block}.gating_${branch.slice(0, 2)}.fc`),
  stage: (block) => (/a$/.test(block) && block !== "1a" ? `maxpool_${block}` : miechBlock(block)),
};
