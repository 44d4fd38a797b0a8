// X3D-S in TensorFlow.js operations, with weights of the published sizes and batch norms folded. It has no grouped 3-D
// convolution, and its 3-D convolution is slow; frames as a batch of images go through its fast 2-D ones.
import { roundWidth, X3D } from "../../dist/models/video/x3d.js";
import type { Spec } from "./spec.js";
import type { TfTensor } from "./tfjs_tensor.js";
import type { TfText } from "./tfjs_text.js";

interface Convolution {
  x: TfTensor;
  filter: TfTensor;
  strides: number;
  pad: "same";
  bias: TfTensor;
  activation?: "relu";
}

/** The part of TensorFlow.js that X3D uses in addition to text encoders. */
export interface TfX3D extends TfText {
  fused: {
    conv2d(convolution: Convolution): TfTensor;
    depthwiseConv2d(convolution: Convolution): TfTensor;
    matMul(product: { a: TfTensor; b: TfTensor; bias: TfTensor; activation?: "relu" | "sigmoid" }): TfTensor;
  };
  depthwiseConv2d(x: TfTensor, filter: TfTensor, strides: number, pad: "same"): TfTensor;
  sigmoid(x: TfTensor): TfTensor;
}

type Layer = (x: TfTensor) => TfTensor;

/** One run: a clip `[T, H, W, 3]` to the logits, read back. */
export function tfX3D(tf: TfX3D, { frames: T, size }: Extract<Spec, { kind: "model" }>): () => Promise<void> {
  const { depthFactor, widthFactor, bottleneck, classes } = X3D["x3d-s"];
  const value = (...shape: number[]) => tf.randomUniform(shape, -0.1, 0.1);
  const conv = (side: number, from: number, to: number, strides = 1, activation?: "relu"): Layer => {
    const [filter, bias] = [value(side, side, from, to), value(to)];
    return (x) => tf.fused.conv2d({ x, filter, bias, strides, pad: "same", activation });
  };
  const dense = (from: number, to: number, activation?: "relu" | "sigmoid"): Layer => {
    const [b, bias] = [value(from, to), value(to)];
    return (a) => tf.fused.matMul({ a, b, bias, activation });
  };
  const mean = (x: TfTensor) => tf.reshape(tf.mean(x, [0, 1, 2]), [1, x.shape[3]]);

  /** 5x1x1: a 2-D convolution over frames and positions. */
  const alongFrames = (C: number): Layer => {
    const [filter, bias] = [value(5, 1, C, 1), value(C)];
    return (x) => {
      const [, H, W] = x.shape;
      const flat = tf.reshape(x, [1, T, H * W, C]);
      const y = tf.fused.depthwiseConv2d({ x: flat, filter, bias, strides: 1, pad: "same", activation: "relu" });
      return tf.reshape(y, x.shape);
    };
  };
  /** 3x3x3: the sum of a 2-D convolution of the frames before, the frames, and those after. */
  const depthwise = (C: number, strides: number): Layer => {
    const [filters, bias] = [[0, 1, 2].map(() => value(3, 3, C, 1)), value(C)];
    return (x) => {
      const [, H, W] = x.shape;
      const wide = tf.pad(x, [
        [1, 1],
        [0, 0],
        [0, 0],
        [0, 0],
      ]);
      const taps = filters.map((filter, t) =>
        tf.depthwiseConv2d(tf.slice(wide, [t, 0, 0, 0], [T, H, W, C]), filter, strides, "same"),
      );
      return tf.add(
        taps.reduce((sum, tap) => tf.add(sum, tap)),
        bias,
      );
    };
  };
  const squeeze = (C: number): Layer => {
    const hidden = roundWidth(C, 0.0625);
    const [reduce, expand] = [dense(C, hidden, "relu"), dense(hidden, C, "sigmoid")];
    return (x) => tf.mul(x, expand(reduce(mean(x))));
  };
  const block = (from: number, width: number, first: boolean, gated: boolean): Layer => {
    const inner = Math.floor(bottleneck * width);
    const strides = first ? 2 : 1;
    const [a, b, c] = [conv(1, from, inner, 1, "relu"), depthwise(inner, strides), conv(1, inner, width)];
    const gate = gated ? squeeze(inner) : (x: TfTensor) => x;
    const shortcut = first ? conv(1, from, width, 2) : (x: TfTensor) => x;
    return (x) => {
      const y = gate(b(a(x)));
      return tf.relu(tf.add(c(tf.mul(y, tf.sigmoid(y))), shortcut(x)));
    };
  };

  const stem = roundWidth(12, widthFactor);
  const layers = [conv(3, 3, stem, 2), alongFrames(stem)];
  let [base, from] = [12, stem];
  [1, 2, 5, 3].forEach((blocks, stage) => {
    if (stage > 0) base = roundWidth(base, 2);
    const width = roundWidth(base, widthFactor);
    for (let i = 0; i < Math.ceil(depthFactor * blocks); i++) {
      layers.push(block(from, width, i === 0, i % 2 === 0));
      from = width;
    }
  });
  const wide = Math.floor(bottleneck * from);
  layers.push(conv(1, from, wide, 1, "relu"), mean, dense(wide, 2048, "relu"), dense(2048, classes));
  const clip = tf.randomUniform([T, size, size, 3], -1, 1);
  return async () => {
    const y = tf.tidy(() => layers.reduce((x, layer) => layer(x), clip));
    await y.data();
    y.dispose();
  };
}
