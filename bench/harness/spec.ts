// The task of an engine as JSON: every engine builds it with its operations, and with weights of the same sizes.

export type Triple = [number, number, number];

/** A convolution with bias and ReLU, zero padding that keeps the size. `groups`: 1, or the channels (depthwise). */
export interface ConvLayer {
  kernel: Triple;
  outChannels: number;
  groups: number;
}

export type Spec =
  | { kind: "model"; model: "s3d" | "s3dg" | "x3d-s"; frames: number; size: number }
  /** x `[N, T, H, W, C]` (here always written channels last) through convolutions one after another. */
  | { kind: "convs"; shape: number[]; layers: ConvLayer[] }
  /** A text encoder of published size, from ids to the last hidden states; no token is masked. */
  | { kind: "text"; model: "bert" | "mobilebert"; rows: number; tokens: number }
  /** A whole training step of VideoCLIP (forward, backward, clipping, Adam); missing sizes are the published ones. */
  | {
      kind: "train";
      hidden: number;
      heads: number;
      videoLayers: number;
      textLayers: number;
      pairs: number;
    }
  /** InfoNCE of `rows` pairs of vectors of `width` floats and its gradients. */
  | { kind: "contrastive"; rows: number; width: number }
  /** The k best of `rows` vectors of `width` floats by dot product with one query. */
  | { kind: "top_k"; rows: number; width: number; k: number }
  | { kind: "max_pool"; shape: number[]; kernel: Triple; stride: Triple; pad: Triple };

export interface Job {
  spec: Spec;
  threads: number;
  precision: "f32" | "bf16";
  /** Path of the case as an ONNX model, for engines that need one. */
  onnx?: string;
  /** Sizes and optimizer settings of a training step, for engines that do not use this package. */
  train?: object | undefined;
  /** Sizes of a text encoder, for engines that do not use this package. */
  text?: object | undefined;
}

export interface BenchCase {
  name: string;
  spec: Spec;
  precision: "f32" | "bf16";
  peers: string[];
}

/** The input `[N, T, H, W, C]` of a case on video. */
export function inputShape(spec: Extract<Spec, { kind: "model" | "convs" | "max_pool" }>): number[] {
  return spec.kind === "model" ? [1, spec.frames, spec.size, spec.size, 3] : spec.shape;
}
