// The cases of `npm run bench:gpu`. FLOPs count a multiply-add as two; bytes are the minimum that a case reads and
// writes.
import {
  attention,
  contrastiveLoss,
  conv3d,
  conv3dAttrs,
  linear,
  maxPool3d,
  slice,
  topK,
} from "../../dist/ops/index.js";
import { type DType, elements, ITEM_SIZE, type Tensor } from "../../dist/graph/tensor.js";
import { applyOp, input, parameter } from "../../dist/graph/trace.js";
import { S3D, S3DG, s3dFeatures } from "../../dist/models/video/s3d.js";
import { globalMean, preprocess } from "../../dist/nn/layers.js";

type Triple = [number, number, number];

/** The same case for PyTorch, which bench/gpu/torch_gpu.py builds. */
export type TorchSpec = Record<string, unknown> & { kind: string };

export interface GpuCase {
  bench: string;
  name: string;
  build: () => Record<string, Tensor>;
  torch?: TorchSpec;
  /** Clips per run, if they are the unit. */
  clips?: number;
}

const STORAGE: DType = "bf16";
const KINETICS = { mean: [0.4345, 0.4051, 0.3775], std: [0.2768, 0.2713, 0.2737] } as const;

const model = (bench: "s3d" | "s3dg", frames: number, clips: number): GpuCase => ({
  bench,
  name: `${bench} ${clips} x ${frames}x224x224`,
  clips,
  torch: { kind: "s3d", frames, clips },
  build: () => {
    const x = input("clips", [clips, frames, 224, 224, 3], "u8");
    const options = bench === "s3d" ? S3D : S3DG;
    const blocks = options.stem === "space-to-depth";
    const video = preprocess(x, {
      ...KINETICS,
      top: 0,
      left: 0,
      height: 224,
      width: 224,
      spaceToDepth: blocks,
    } as never);
    return { y: globalMean(s3dFeatures(video, options, blocks)) };
  },
});

const activation = (...shape: number[]) => input("x", shape, STORAGE);

function convolutions(
  bench: string,
  shape: number[],
  layers: { kernel: Triple; out: number; groups?: number }[],
): GpuCase {
  const name = layers
    .map(({ kernel, out, groups }) => `${kernel.join("x")}${groups ? " depthwise" : ""} > ${out}`)
    .join(" + ");
  return {
    bench,
    name: `${name} @ ${shape.join("x")}`,
    torch: { kind: "convs", shape, layers },
    build: () => ({
      y: layers.reduce(
        (x, { kernel, out, groups = 1 }, i) => {
          const low = kernel.map((k) => (k - 1) / 2) as Triple;
          const weight = parameter(`${i}.weight`, [out, x.shape[4] / groups, ...kernel]);
          const attrs = conv3dAttrs({ outChannels: out, kernel, low, groups, activation: "relu" });
          return applyOp(conv3d, [x, weight, parameter(`${i}.bias`, [out]), null, null], attrs)[0];
        },
        activation(...shape),
      ),
    }),
  };
}

const separable = (C: number, out: number, T: number, size: number) =>
  convolutions(
    "sepconv",
    [32, T, size, size, C],
    [
      { kernel: [1, 3, 3], out },
      { kernel: [3, 1, 1], out },
    ],
  );
const pointwise = (C: number, out: number, T: number, size: number) =>
  convolutions("pointwise", [32, T, size, size, C], [{ kernel: [1, 1, 1], out }]);
const depthwise = (kernel: Triple, C: number, T: number, size: number) =>
  convolutions("depthwise", [32, T, size, size, C], [{ kernel, out: C, groups: C }]);

const pool = (kernel: Triple, stride: Triple, pad: Triple, shape: number[]): GpuCase => ({
  bench: "pool",
  name: `max ${kernel.join("x")} stride ${stride.join("x")} @ ${shape.join("x")}`,
  torch: { kind: "pool", shape, kernel, stride, pad },
  build: () => ({
    y: applyOp(maxPool3d, [activation(...shape)], {
      kernel,
      stride,
      low: pad,
      high: pad,
      ceil: false,
      padding: "-inf",
    })[0],
  }),
});

const attend = (N: number, S: number, heads: number, size: number): GpuCase => ({
  bench: "attention",
  name: `${N} x ${S}, ${heads} heads of ${size}`,
  torch: { kind: "attention", shape: [N, heads, S, size] },
  build: () => {
    const [q, k, v] = ["q", "k", "v"].map((name) => input(name, [N, S, heads * size], STORAGE));
    return { y: applyOp(attention, [q, k, v, null], { heads, scale: 1 / Math.sqrt(size), causal: false })[0] };
  },
});

const contrast = (N: number, D: number): GpuCase => ({
  bench: "contrastive",
  name: `InfoNCE ${N} x ${D}`,
  torch: { kind: "contrastive", shape: [N, D] },
  build: () => {
    const [a, b] = ["a", "b"].map((name) => input(name, [N, D], STORAGE));
    return { y: applyOp(contrastiveLoss, [a, b, null], { scale: 1, reduction: "sum" })[0] };
  },
});

const search = (Q: number, M: number, D: number): GpuCase => ({
  bench: "topk",
  name: `top 10 of ${M} x ${D}, ${Q} queries`,
  torch: { kind: "topk", queries: Q, rows: M, size: D },
  build: () => {
    // an index stays in the memory of the device
    const [values] = applyOp(topK, [input("q", [Q, D], "f32"), parameter("rows", [M, D], "f16")], { k: 10, base: 0 });
    return { y: values };
  },
});

/** A copy: `rows` x 8192 values. 256 MiB are several times the cache of a large GPU. */
const copy = (rows: number, name: string): GpuCase => ({
  bench: "ceiling",
  name,
  build: () => {
    const x = activation(rows, 1 << 13);
    return { y: applyOp(slice, [x], { start: [0, 0], size: x.shape })[0] };
  },
});
const matmul = (size: number): GpuCase => ({
  bench: "ceiling",
  name: `matrix product ${size} x ${size} x ${size}`,
  torch: { kind: "matmul", size },
  build: () => ({
    y: applyOp(linear, [activation(size, size), parameter("weight", [size, size]), null], {
      outFeatures: size,
      activation: "none",
    })[0],
  }),
});

/** The limits of the machine: every share is a share of one of these two. */
export interface Ceilings {
  copy: GpuCase;
  matmul: GpuCase;
}
export const CEILINGS: Ceilings = { copy: copy(1 << 14, "copy of 256 MiB"), matmul: matmul(8192) };

export const CASES: GpuCase[] = [
  model("s3d", 16, 32),
  model("s3dg", 32, 32),
  separable(64, 192, 8, 56),
  separable(160, 320, 4, 14),
  separable(192, 384, 2, 7),
  pointwise(64, 64, 8, 56),
  pointwise(480, 304, 4, 14),
  pointwise(832, 624, 2, 7),
  depthwise([3, 3, 3], 54, 16, 56),
  depthwise([3, 3, 3], 108, 16, 28),
  depthwise([3, 3, 3], 216, 16, 14),
  depthwise([5, 1, 1], 24, 16, 112),
  pool([3, 3, 3], [1, 1, 1], [1, 1, 1], [32, 4, 14, 14, 480]),
  pool([3, 3, 3], [1, 1, 1], [1, 1, 1], [32, 8, 28, 28, 256]),
  pool([1, 3, 3], [1, 2, 2], [0, 1, 1], [32, 8, 56, 56, 192]),
  attend(64, 128, 8, 64),
  attend(64, 512, 8, 64),
  attend(64, 512, 8, 32),
  contrast(4096, 512),
  contrast(32768, 512),
  search(1, 1 << 20, 512),
  search(1024, 1 << 20, 512),
];

/** Ceilings and cases that are small enough for the emulator, so that the bench itself can be tested. Their times mean nothing. */
export const SMALL_CEILINGS: Ceilings = { copy: copy(4, "copy of 64 KiB"), matmul: matmul(64) };
export const SMALL_CASES: GpuCase[] = [
  { ...pool([3, 3, 3], [1, 1, 1], [1, 1, 1], [2, 2, 6, 6, 16]), clips: 2 },
  attend(1, 32, 2, 32),
  contrast(64, 32),
  search(2, 256, 64),
];

/** The cases that are also measured with `torch.compile`, which takes up to minutes for each: by the start of their names, the most important first. */
export const COMPILED = ["s3dg ", "64 x 512, 8 heads of 64", "InfoNCE 4096", "1x3x3 > 192", "1 x 32, 2 heads of 32"];

/** Bytes of inputs and outputs of the whole case, and its floating-point operations. */
export function costOf(outputs: Record<string, Tensor>): { bytes: number; flops: number } {
  const seen = new Set<Tensor>();
  let bytes = 0;
  let flops = 0;
  const size = (x: Tensor) => elements(x.shape) * (x.node.op.name === "parameter" ? 2 : ITEM_SIZE[x.dtype]);
  const visit = (tensor: Tensor) => {
    if (seen.has(tensor)) return;
    seen.add(tensor);
    const { op, inputs, outputs: made } = tensor.node;
    const [a, b] = inputs;
    if (inputs.length === 0) bytes += size(tensor);
    if (op.name === "conv3d" || op.name === "linear")
      flops += 2 * elements(made[0].shape) * elements(b!.shape.slice(1));
    if (op.name === "attention") flops += 4 * elements(a!.shape) * b!.shape[1];
    if (op.name === "contrastive_loss" || op.name === "top_k") flops += 2 * elements(a!.shape) * b!.shape[0];
    for (const x of inputs) if (x) visit(x);
  };
  for (const output of Object.values(outputs)) {
    visit(output);
    bytes += size(output);
  }
  return { bytes, flops };
}
