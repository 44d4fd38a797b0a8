import { unwrapped } from "./state_dict.js";
import { type KeyRename, renameKeys, type Tensors } from "./rename.js";
import { slowfastToPytorchvideo } from "./slowfast.js";

/** A published weight file. */
export interface Published {
  model: string;
  source: "torchvision" | "kylemin" | "miech" | "pytorchvideo" | "slowfast";
  file: string;
  url: string;
  preset: string;
  /** First hexadecimal digits of its SHA-256, if the publisher gives them. */
  hash?: string | undefined;
  /**
   * A key that identifies this layout among those listed after it. Files with the same marker have the same keys and
   * shapes.
   */
  marker: string;
  /** Maps its keys to those of our model. Absent if they are equal. */
  rename?: KeyRename | undefined;
  /** The values that X3D's `probabilities` average over positions, by publisher. Default: logits. */
  average?: "logits" | "probabilities" | undefined;
}

/** Renames kylemin/S3D's keys to torchvision's: the same network and the same order of layers. */
export const kyleminToTorchvision: KeyRename = renameKeys((key) => {
  if (key.startsWith("fc.0.")) return key.replace("fc.0.", "classifier.1.");
  return key
    .replace(/^base\./, "features.")
    .replace("branch0.0.", "branch0.")
    .replace(/\.conv_s\./, ".0.0.")
    .replace(/\.bn_s\./, ".0.1.")
    .replace(/\.conv_t\./, ".1.0.")
    .replace(/\.bn_t\./, ".1.1.")
    .replace(/\.conv\./, ".0.")
    .replace(/\.bn\./, ".1.");
});

/** X3D's files of both zoos. XS, S and M differ in their values alone; L is deeper, so its marker comes first. */
const x3d: Published[] = (["l", "xs", "s", "m"] as const).flatMap((size) => [
  {
    model: `x3d-${size}`,
    source: "pytorchvideo",
    file: `X3D_${size.toUpperCase()}.pyth`,
    url: `https://dl.fbaipublicfiles.com/pytorchvideo/model_zoo/kinetics/X3D_${size.toUpperCase()}.pyth`,
    preset: `x3d-${size}`,
    marker: size === "l" ? "blocks.1.res_blocks.4.branch2.conv_b.weight" : "blocks.0.conv.conv_t.weight",
  },
  {
    model: `x3d-${size}`,
    source: "slowfast",
    file: `x3d_${size}.pyth`,
    url: `https://dl.fbaipublicfiles.com/pyslowfast/x3d_models/x3d_${size}.pyth`,
    preset: `x3d-${size}`,
    marker: size === "l" ? "s2.pathway0_res4.branch2.b.weight" : "s1.pathway0_stem.conv_xy.weight",
    rename: slowfastToPytorchvideo,
    average: "probabilities",
  },
]);

const PUBLISHED: Published[] = [
  {
    model: "s3d",
    source: "torchvision",
    file: "s3d-d76dad2f.pth",
    url: "https://download.pytorch.org/models/s3d-d76dad2f.pth",
    preset: "s3d",
    hash: "d76dad2f",
    marker: "features.0.0.0.weight",
  },
  {
    model: "s3d",
    source: "kylemin",
    file: "S3D_kinetics400.pt",
    url: "https://github.com/kylemin/S3D",
    preset: "s3d-kylemin",
    marker: "base.0.conv_s.weight",
    rename: kyleminToTorchvision,
  },
  {
    model: "s3dg",
    source: "miech",
    file: "s3d_howto100m.pth",
    url: "https://www.rocq.inria.fr/cluster-willow/amiech/howto100m/s3d_howto100m.pth",
    preset: "s3dg",
    marker: "conv_2c.conv2.weight",
  },
  ...x3d,
];

/** A published layout, with the models whose files have it. */
export type Recognised = Published & { models: string[] };

/** The published layout of a file, by its keys. */
export function recognise(file: { tensors: Tensors }): Recognised | undefined {
  const found = PUBLISHED.find(({ marker }) => file.tensors.has(marker));
  if (!found) return undefined;
  const same = PUBLISHED.filter(({ marker }) => marker === found.marker);
  return { ...found, models: same.map(({ model }) => model) };
}

/** The tensors of a file without prefixes of all keys that hide a published layout (`model.features.0.0.0.weight`). */
export const recognisable = (tensors: Tensors): Tensors =>
  unwrapped(tensors, (from) => (PUBLISHED.some(({ marker }) => from.has(marker)) ? 1 : 0));
