// BERT and MobileBERT in TensorFlow.js operations, with weights of the published sizes.
import { textConfig } from "../../dist/models/text/text_config.js";
import { fill, inputsOf } from "./inputs.js";
import type { Spec } from "./spec.js";
import type { TfTensor } from "./tfjs_tensor.js";

/** The part of TensorFlow.js that text encoders use. */
export interface TfText {
  randomUniform(shape: number[], low: number, high: number): TfTensor;
  tensor(values: Int32Array | Float32Array, shape: number[], dtype: "int32" | "float32"): TfTensor;
  gather(x: TfTensor, ids: TfTensor): TfTensor;
  matMul(a: TfTensor, b: TfTensor, transposeA?: boolean, transposeB?: boolean): TfTensor;
  add(a: TfTensor, b: TfTensor): TfTensor;
  sub(a: TfTensor, b: TfTensor): TfTensor;
  mul(a: TfTensor, b: TfTensor | number): TfTensor;
  rsqrt(x: TfTensor): TfTensor;
  square(x: TfTensor): TfTensor;
  erf(x: TfTensor): TfTensor;
  relu(x: TfTensor): TfTensor;
  softmax(x: TfTensor): TfTensor;
  mean(x: TfTensor, axes: number | number[], keepDims?: boolean): TfTensor;
  concat(list: TfTensor[], axis: number): TfTensor;
  pad(x: TfTensor, paddings: [number, number][]): TfTensor;
  slice(x: TfTensor, begin: number[], size: number[]): TfTensor;
  reshape(x: TfTensor, shape: number[]): TfTensor;
  transpose(x: TfTensor, perm: number[]): TfTensor;
  tidy<T>(body: () => T): T;
}

/** One run: ids to the hidden states, read back. */
export function tfText(tf: TfText, spec: Extract<Spec, { kind: "text" }>): () => Promise<void> {
  const { rows: N, tokens: S } = spec;
  const config = textConfig({ model_type: spec.model });
  const { hidden, inner, heads, intermediate, embedding } = config;
  const { ids: words } = inputsOf(spec, false);
  const ids = tf.tensor(fill(new Int32Array(N * S), words), [N * S], "int32");
  const value = (...shape: number[]) => tf.randomUniform(shape, -0.05, 0.05);
  const dense = (width: number, out: number) => {
    const [weight, bias] = [value(width, out), value(out)];
    return (x: TfTensor) => tf.add(tf.matMul(x, weight), bias);
  };
  const norm = (width: number) => {
    const [scale, bias] = [value(width), value(width)];
    const affine = (x: TfTensor) => tf.add(tf.mul(x, scale), bias);
    if (config.noNorm) return affine;
    return (x: TfTensor) => {
      const d = tf.sub(x, tf.mean(x, 1, true));
      return affine(tf.mul(d, tf.rsqrt(tf.mean(tf.square(d), 1, true))));
    };
  };
  const one = tf.randomUniform([1], 1, 1);
  const gelu = (x: TfTensor) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), one));
  const activation = config.activation === "relu" ? tf.relu : gelu;
  const split = (x: TfTensor) => tf.transpose(tf.reshape(x, [N, S, heads, x.shape[1] / heads]), [0, 2, 1, 3]);
  const attention = (q: TfTensor, k: TfTensor, v: TfTensor) => {
    const scores = tf.mul(tf.matMul(split(q), split(k), false, true), 1 / Math.sqrt(inner / heads));
    const context = tf.matMul(tf.softmax(scores), split(v));
    return tf.reshape(tf.transpose(context, [0, 2, 1, 3]), [N * S, v.shape[1]]);
  };
  const feedForward = () => {
    const [wide, narrow, after] = [dense(inner, intermediate), dense(intermediate, inner), norm(inner)];
    return (x: TfTensor) => after(tf.add(narrow(activation(wide(x))), x));
  };
  const layer = () => {
    const mobile = config.bottleneck !== "none";
    const [input, shared] = [0, 1].map(() => (mobile ? [dense(hidden, inner), norm(inner)] : []));
    const [query, key, values] = [dense(inner, inner), dense(inner, inner), dense(hidden, inner)];
    const [output, after] = [dense(inner, inner), norm(inner)];
    const blocks = Array.from({ length: config.feedForwards }, feedForward);
    const [widen, last] = [dense(inner, hidden), norm(hidden)];
    return (x: TfTensor) => {
      const from = input.reduce((y, f) => f(y), x);
      const both = shared.reduce((y, f) => f(y), x);
      const attended = after(tf.add(output(attention(query(both), key(both), values(x))), from));
      const y = blocks.reduce((z, f) => f(z), attended);
      return mobile ? last(tf.add(widen(y), x)) : y;
    };
  };
  const [table, places] = [value(config.vocabulary, embedding), value(N * S, hidden)]; // the position embeddings include the types
  const transformation = config.trigram ? dense(3 * embedding, hidden) : undefined;
  const first = norm(hidden);
  const layers = Array.from({ length: config.layers }, layer);
  const shifted = (x: TfTensor, by: number) => {
    const z = tf.reshape(x, [N, S, embedding]);
    const kept = tf.slice(z, [0, Math.max(0, by), 0], [N, S - 1, embedding]);
    const side: [number, number] = by > 0 ? [0, 1] : [1, 0];
    return tf.reshape(tf.pad(kept, [[0, 0], side, [0, 0]]), [N * S, embedding]);
  };
  return async () => {
    const y = tf.tidy(() => {
      let x = tf.gather(table, ids);
      if (transformation) x = transformation(tf.concat([shifted(x, 1), x, shifted(x, -1)], 1));
      return layers.reduce((z, f) => f(z), first(tf.add(x, places)));
    });
    await y.data();
    y.dispose();
  };
}
