import type { Preset } from "./types.js";

type Triple = [number, number, number];
/** The common fields of the presets of one publisher. */
type Pipeline = Omit<Preset, "name" | "fps" | "frames" | "stride" | "resize" | "crop">;

const unit = { mean: [0, 0, 0] as Triple, std: [1, 1, 1] as Triple };
const signed = { mean: [0.5, 0.5, 0.5] as Triple, std: [0.5, 0.5, 0.5] as Triple };
const x3d = { mean: [0.45, 0.45, 0.45] as Triple, std: [0.225, 0.225, 0.225] as Triple };

/** torchvision: `S3D_Weights.KINETICS400_V1` with references/video_classification. */
const torchvision: Pipeline = {
  timeRule: "index-floor",
  resizeMode: "exact",
  interpolation: "bilinear",
  scaler: "two-tap",
  conversion: "plain",
  cropRounding: "half-even",
  mean: [0.43216, 0.394666, 0.37645],
  std: [0.22803, 0.22145, 0.216989],
  pad: "repeat",
};

/** v-iashin/video_features for the weights of kylemin/S3D, without its second encoding; the range is the author's. */
const kylemin: Pipeline = {
  timeRule: "nearest",
  timeZero: "container",
  resizeMode: "short",
  sideRounding: "factor",
  interpolation: "bilinear",
  scaler: "two-tap",
  conversion: "plain",
  cropRounding: "half-even",
  ...signed,
  pad: "repeat",
};

/** The loaders of MIL-NCE_HowTo100M through ffmpeg 5 or newer, whose filter `scale` is bicubic. */
const milNce: Pipeline = {
  timeRule: "nearest",
  timeZero: "container",
  resizeMode: "short",
  interpolation: "bicubic",
  conversion: "plain",
  order: "crop-resize",
  ...unit,
  pad: "zero",
};

/** The video_feature_extractor of fairseq's MMPT through ffmpeg 5 or newer. */
const mmpt: Pipeline = {
  timeRule: "nearest",
  timeZero: "container",
  resizeMode: "short",
  interpolation: "bicubic",
  conversion: "plain",
  ...unit,
  pad: "zero",
};

/** The recipe of PyTorchVideo's hub. */
const pytorchvideo: Pipeline = {
  timeRule: "linspace",
  resizeMode: "short",
  sideRounding: "ratio",
  interpolation: "bilinear",
  scaler: "two-tap",
  conversion: "plain",
  cropRounding: "half-even",
  ...x3d,
  pad: "spread",
};

/** SlowFast's test path: torchvision's `video_reader` scales while it decodes. */
const slowfast: Pipeline = {
  timeRule: "linspace-nominal",
  timeZero: "container",
  resizeMode: "short",
  sideRounding: "round",
  interpolation: "area",
  conversion: "plain-bt601",
  cropRounding: "ceil",
  ...x3d,
  pad: "repeat",
};

/** The preset of the model in this package, unchanged since its training. */
const shapes: Pipeline = { resizeMode: "exact", interpolation: "area", ...signed, pad: "repeat" };

function preset(pipeline: Pipeline, name: string, fps: number, frames: number, resize: number, crop = resize): Preset {
  const { resizeMode, interpolation, mean, std, pad, ...rest } = pipeline;
  return { name, fps, frames, stride: frames, resizeMode, resize, interpolation, crop, mean, std, pad, ...rest };
}

/** X3D's four sizes: frames of a clip, distance between them in frames at 30 per second, side of the test crop. */
const sizes = [
  ["x3d-xs", 4, 12, 182],
  ["x3d-s", 13, 6, 182],
  ["x3d-m", 16, 5, 256],
  ["x3d-l", 16, 5, 356],
] as const;

/**
 * All presets: how frames become the input of the weights after which they are named. docs/presets.md describes them.
 */
export const presetTable: readonly Preset[] = [
  preset(torchvision, "s3d", 15, 16, 256, 224),
  preset(kylemin, "s3d-kylemin", 25, 64, 224),
  preset(milNce, "s3dg", 10, 32, 224),
  preset(mmpt, "s3dg-mmpt", 30, 30, 224),
  preset(mmpt, "videoclip", 30, 30, 224),
  ...sizes.map(([name, frames, rate, side]) => preset(pytorchvideo, name, 30 / rate, frames, side)),
  ...sizes.map(([name, frames, rate, side]) => preset(slowfast, `${name}-slowfast`, 30 / rate, frames, side)),
  preset(shapes, "shapes", 8, 8, 64),
  { ...preset(pytorchvideo, "videoclip-light", 5, 13, 160), stride: 5 },
];
