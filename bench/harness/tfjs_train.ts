// One training step of VideoCLIP in TensorFlow.js, in the formulation that is fastest with its wasm backend. Matrix
// products have custom gradients, since that backend is slow if an operand is transposed, and so have embeddings, since
// it has no kernel for the gradient of a gather.
import { BETA2, MAX_NORM, RATE, trainBatch, trainConfig, type TrainSpec } from "./train.js";
import type { TfTensor } from "./tfjs_tensor.js";
import type { TfText } from "./tfjs_text.js";

type Save = (tensors: TfTensor[]) => void;
type Gradient = { value: TfTensor; gradFunc: (dy: TfTensor, saved: TfTensor[]) => TfTensor | TfTensor[] };

/** The part of TensorFlow.js that training uses in addition to text encoders. */
export interface TfTrain extends TfText {
  zeros(shape: number[]): TfTensor;
  randomNormal(shape: number[], mean: number, deviation: number): TfTensor;
  ones(shape: number[]): TfTensor;
  variable(value: TfTensor): TfTensor & { name: string };
  variableGrads(loss: () => TfTensor): { value: TfTensor; grads: Record<string, TfTensor> };
  customGrad(f: (...args: (TfTensor | Save)[]) => Gradient): (...tensors: TfTensor[]) => TfTensor;
  scatterND(ids: TfTensor, updates: TfTensor, shape: number[]): TfTensor;
  logSumExp(x: TfTensor, axis: number): TfTensor;
  sum(x: TfTensor, axis?: number): TfTensor;
  sqrt(x: TfTensor): TfTensor;
  div(a: TfTensor | number, b: TfTensor): TfTensor;
  minimum(a: TfTensor | number, b: TfTensor): TfTensor;
  addN(list: TfTensor[]): TfTensor;
  dispose(x: unknown): void;
  train: {
    adam(
      rate: number,
      beta1: number,
      beta2: number,
      eps: number,
    ): { applyGradients(g: Record<string, TfTensor>): void };
  };
}

type Layer = (x: TfTensor) => TfTensor;

/** Layers on rows `[rows, width]`, each with new variables. */
function layersOf(tf: TfTrain) {
  const product = tf.customGrad((...args) => {
    const [a, b, save] = args as [TfTensor, TfTensor, Save];
    save([a, b]);
    return {
      value: tf.matMul(a, b),
      gradFunc: (dy, [x, w]) => [tf.matMul(dy, tf.transpose(w, [1, 0])), tf.matMul(tf.transpose(x, [1, 0]), dy)],
    };
  });
  const matrix = (...shape: number[]) => tf.variable(tf.randomNormal(shape, 0, 0.02));
  const dense = (width: number, out: number): Layer => {
    const [weight, bias] = [matrix(width, out), tf.variable(tf.zeros([out]))];
    return (x) => tf.add(product(x, weight), bias);
  };
  const norm = (width: number, eps: number): Layer => {
    const [weight, bias] = [tf.variable(tf.ones([width])), tf.variable(tf.zeros([width]))];
    const epsilon = tf.tensor(Float32Array.of(eps), [1], "float32");
    return (x) => {
      const d = tf.sub(x, tf.mean(x, 1, true));
      const scale = tf.rsqrt(tf.add(tf.mean(tf.square(d), 1, true), epsilon));
      return tf.add(tf.mul(tf.mul(d, scale), weight), bias);
    };
  };
  const one = tf.ones([1]);
  const gelu: Layer = (x) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), one));
  /** Rows of a table `[vocabulary, width]` by ids `[n]`. */
  const embedding = (vocabulary: number, width: number, ids: TfTensor) => {
    const [n] = ids.shape;
    const places = tf.reshape(ids, [n, 1]);
    const rows = tf.customGrad((...args) => ({
      value: tf.gather(args[0] as TfTensor, ids),
      gradFunc: (dy) => tf.scatterND(places, dy, [vocabulary, width]),
    }));
    const table = matrix(vocabulary, width);
    return () => rows(table);
  };
  return { matrix, dense, norm, gelu, embedding };
}

/** A tower's BERT: contents `[N S, hidden]` to the mean `[N, hidden]` over all tokens but the first. */
function encoder(tf: TfTrain, [N, S, layers]: [number, number, number], c: ReturnType<typeof trainConfig>): Layer {
  const { matrix, dense, norm, gelu } = layersOf(tf);
  const { hiddenSize: hidden, heads, intermediateSize, layerNormEps: eps } = c;
  const split: Layer = (x) => tf.transpose(tf.reshape(x, [N, S, heads, hidden / heads]), [0, 2, 1, 3]);
  const layer = (): Layer => {
    const [query, key, value, output] = [0, 1, 2, 3].map(() => dense(hidden, hidden));
    const [up, down] = [dense(hidden, intermediateSize), dense(intermediateSize, hidden)];
    const [first, second] = [norm(hidden, eps), norm(hidden, eps)];
    return (x) => {
      const scores = tf.mul(tf.matMul(split(query(x)), split(key(x)), false, true), (hidden / heads) ** -0.5);
      const context = tf.transpose(tf.matMul(tf.softmax(scores), split(value(x))), [0, 2, 1, 3]);
      const y = first(tf.add(x, output(tf.reshape(context, [N * S, hidden]))));
      return second(tf.add(y, down(gelu(up(y)))));
    };
  };
  const [places, types] = [matrix(c.maxPositions, hidden), matrix(2, hidden)];
  const [start, all] = [norm(hidden, eps), Array.from({ length: layers }, layer)];
  return (contents) => {
    const place = tf.add(tf.slice(places, [0, 0], [S, hidden]), tf.slice(types, [0, 0], [1, hidden]));
    const x = start(tf.reshape(tf.add(tf.reshape(contents, [N, S, hidden]), place), [N * S, hidden]));
    const y = tf.reshape(
      all.reduce((z, f) => f(z), x),
      [N, S, hidden],
    );
    return tf.mean(tf.slice(y, [0, 1, 0], [N, S - 1, hidden]), 1, false);
  };
}

/** One step; the loss is read back. */
export function tfTrain(tf: TfTrain, spec: TrainSpec): () => Promise<void> {
  const c = trainConfig(spec);
  const { features, ends, ids } = trainBatch(spec);
  const { hiddenSize: hidden, vocabularySize: vocabulary, featureSize, videoLayers, textLayers } = c;
  const { dense, norm, gelu, embedding } = layersOf(tf);
  const [N, T, S] = [spec.pairs, c.maxVideoLength, ids.shape[1]];
  const tensor = (x: { data: unknown }, dtype: "int32" | "float32", ...shape: number[]) =>
    tf.tensor(x.data as Float32Array, shape, dtype);
  const x = tensor(features, "float32", N * T, featureSize);
  const [special, words] = [
    embedding(vocabulary, hidden, tensor(ends, "int32", N * 2)),
    embedding(vocabulary, hidden, tensor(ids, "int32", N * S)),
  ];
  const [first, middle, last] = [dense(featureSize, hidden), norm(hidden, 1e-5), dense(hidden, hidden)];
  const videoEncoder = encoder(tf, [N, T + 2, videoLayers], c);
  const textEncoder = encoder(tf, [N, S, textLayers], c);
  const loss = () => {
    const tokens = tf.reshape(last(middle(gelu(first(x)))), [N, T, hidden]);
    const both = tf.reshape(special(), [N, 2, hidden]);
    const end = (i: number) => tf.slice(both, [0, i, 0], [N, 1, hidden]);
    const video = videoEncoder(tf.reshape(tf.concat([end(0), tokens, end(1)], 1), [N * (T + 2), hidden]));
    const text = textEncoder(words());
    const scores = tf.matMul(video, text, false, true);
    const own = tf.mul(tf.sum(tf.mul(video, text)), 2);
    const rest = tf.add(tf.sum(tf.logSumExp(scores, 1)), tf.sum(tf.logSumExp(scores, 0)));
    return tf.mul(tf.sub(rest, own), 1 / N);
  };
  const optimizer = tf.train.adam(RATE, 0.9, BETA2, 1e-8);
  return async () => {
    const value = tf.tidy(() => {
      const { value, grads } = tf.variableGrads(loss);
      const norm = tf.sqrt(tf.addN(Object.values(grads).map((g) => tf.sum(tf.square(g)))));
      const factor = tf.minimum(1, tf.div(MAX_NORM, norm));
      optimizer.applyGradients(Object.fromEntries(Object.entries(grads).map(([name, g]) => [name, tf.mul(g, factor)])));
      return value;
    });
    const data = await value.data();
    if (process.env.SHOW) process.stderr.write(`tfjs loss ${String(data)}\n`);
    value.dispose();
  };
}
