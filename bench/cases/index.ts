import type { BenchCase, ConvLayer, Spec, Triple } from "../harness/spec.js";

/** PyTorch, eager and through torch.compile. */
const TORCH = ["torch", "torch-compile"];

const model = (name: "s3d" | "s3dg"): BenchCase[] => {
  const spec: Spec = { kind: "model", model: name, frames: 16, size: 224 };
  const torch = name === "s3d" ? TORCH : [];
  return [
    { name: `${name} 16x224x224 f32`, spec, precision: "f32", peers: ["onnxruntime", ...torch] },
    { name: `${name} 16x224x224 bf16`, spec, precision: "bf16", peers: name === "s3d" ? TORCH : ["onnxruntime-f32"] },
  ];
};

const x3dSpec: Spec = { kind: "model", model: "x3d-s", frames: 13, size: 160 };
const x3d: BenchCase[] = [
  { name: "x3d-s 13x160x160 f32", spec: x3dSpec, precision: "f32", peers: ["onnxruntime", "tfjs_wasm"] },
  { name: "x3d-s 13x160x160 bf16", spec: x3dSpec, precision: "bf16", peers: ["onnxruntime-f32"] },
];

const layer = (kernel: Triple, outChannels: number, groups = 1): ConvLayer => ({ kernel, outChannels, groups });

/** A separable convolution of S3D: 1x3x3, then 3x1x1. */
function sepconv(channels: number, outChannels: number, T: number, size: number): BenchCase {
  const layers = [layer([1, 3, 3], outChannels), layer([3, 1, 1], outChannels)];
  return {
    name: `1x3x3 + 3x1x1 ${channels}>${outChannels} @${T}x${size}x${size}`,
    spec: { kind: "convs", shape: [1, T, size, size, channels], layers },
    precision: "f32",
    peers: ["onnxruntime", ...TORCH, "tfjs_wasm", "tfjs_cpu", "tfjs_node"],
  };
}

function depthwise(kernel: Triple, C: number, T: number, size: number): BenchCase {
  return {
    name: `depthwise ${kernel.join("x")} C=${C} @${T}x${size}x${size}`,
    spec: { kind: "convs", shape: [1, T, size, size, C], layers: [layer(kernel, C, C)] },
    precision: "f32",
    peers: ["onnxruntime", ...TORCH],
  };
}

function pool(kernel: Triple, stride: Triple, pad: Triple, C: number, T: number, size: number): BenchCase {
  return {
    name: `max ${kernel.join("x")} stride ${stride.join("x")} C=${C} @${T}x${size}x${size}`,
    spec: { kind: "max_pool", shape: [1, T, size, size, C], kernel, stride, pad },
    precision: "f32",
    peers: ["onnxruntime", ...TORCH, "tfjs_wasm", "tfjs_node"],
  };
}

function text(model: "bert" | "mobilebert", rows: number, tokens: number): BenchCase {
  return {
    name: `${model} ${rows}x${tokens} f32`,
    spec: { kind: "text", model, rows, tokens },
    precision: "f32",
    peers: ["onnxruntime", ...(model === "bert" ? TORCH : []), "tfjs_wasm"],
  };
}

function bertBf16(rows: number, tokens: number): BenchCase {
  const spec: Spec = { kind: "text", model: "bert", rows, tokens };
  return { name: `bert ${rows}x${tokens} bf16`, spec, precision: "bf16", peers: TORCH };
}

const train = (["f32", "bf16"] as const).map((precision): BenchCase => ({
  name: `train VideoCLIP 256, 2 + 4 layers, 32 pairs ${precision}`,
  spec: { kind: "train", hidden: 256, heads: 4, videoLayers: 2, textLayers: 4, pairs: 32 },
  precision,
  peers: precision === "f32" ? [...TORCH, "tfjs_wasm", "tfjs_node"] : TORCH,
}));

/** Benches by name. */
export const BENCHES: Record<string, { about: string; cases: BenchCase[] }> = {
  s3d: { about: "S3D on a 16-frame clip, whole network", cases: model("s3d") },
  s3dg: { about: "S3D-G on a 16-frame clip, whole network", cases: model("s3dg") },
  x3d: { about: "X3D-S on a 13-frame clip, whole network", cases: x3d },
  sepconv: {
    about: "separable convolutions of S3D at three depths",
    cases: [sepconv(64, 192, 8, 56), sepconv(160, 320, 4, 14), sepconv(192, 384, 2, 7)],
  },
  depthwise: {
    about: "depthwise convolutions of X3D",
    cases: [
      depthwise([3, 3, 3], 54, 16, 56),
      depthwise([3, 3, 3], 108, 16, 28),
      depthwise([3, 3, 3], 216, 16, 14),
      depthwise([5, 1, 1], 24, 16, 112),
    ],
  },
  bert: {
    about: "BERT-base to hidden states, one short text and a batch",
    cases: [text("bert", 1, 64), text("bert", 8, 128), bertBf16(1, 64), bertBf16(8, 128)],
  },
  mobilebert: { about: "MobileBERT to hidden states", cases: [text("mobilebert", 1, 128)] },
  train: { about: "a whole training step of VideoCLIP: forward, backward, clipping, Adam", cases: train },
  contrastive: {
    about: "InfoNCE forward and backward, against the three matrix products alone of one that stores its scores",
    cases: [
      {
        name: "InfoNCE 8192 x 512 f32, forward and backward",
        spec: { kind: "contrastive", rows: 8192, width: 512 },
        precision: "f32",
        peers: ["three_products", ...TORCH],
      },
    ],
  },
  topk: {
    about: "exact search of one query, against a memcpy that reads and writes as many bytes together",
    cases: [
      {
        name: "top 10 of 1M x 512 f32, 1 query",
        spec: { kind: "top_k", rows: 1 << 20, width: 512, k: 10 },
        precision: "f32",
        peers: ["memcpy"],
      },
    ],
  },
  pool: {
    about: "max-pools of S3D",
    cases: [
      pool([3, 3, 3], [1, 1, 1], [1, 1, 1], 480, 4, 14),
      pool([3, 3, 3], [1, 1, 1], [1, 1, 1], 256, 8, 28),
      pool([1, 3, 3], [1, 2, 2], [0, 1, 1], 192, 8, 56),
    ],
  },
};
