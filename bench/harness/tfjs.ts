// Cases in TensorFlow.js, channels last, for the active backend.
import { createRequire } from "node:module";
import type { Build } from "./child.js";
import { inputShape, type Triple } from "./spec.js";
import type { TfTensor } from "./tfjs_tensor.js";
import { tfText } from "./tfjs_text.js";
import { tfTrain, type TfTrain } from "./tfjs_train.js";
import { tfX3D, type TfX3D } from "./tfjs_x3d.js";

export const bench = createRequire(new URL("../package.json", import.meta.url));

/** The part of TensorFlow.js that is used here; its types exist only when the peers are installed. */
export interface Tf extends TfX3D, TfTrain {
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  randomUniform(shape: number[], low: number, high: number): TfTensor;
  conv3d(x: TfTensor, weight: TfTensor, stride: number, padding: "same"): TfTensor;
  maxPool3d(x: TfTensor, kernel: Triple, stride: Triple, padding: "same"): TfTensor;
  add(a: TfTensor, b: TfTensor): TfTensor;
  relu(x: TfTensor): TfTensor;
  tidy<T>(body: () => T): T;
}

/** @param activate selects the backend */
export function tfjs(activate: (tf: Tf) => Promise<void>): Build {
  return async ({ spec }) => {
    const tf = bench("@tensorflow/tfjs") as Tf;
    await activate(tf);
    if (spec.kind === "model") {
      if (spec.model !== "x3d-s") throw new Error("whole S3D takes minutes");
      return tfX3D(tf, spec);
    }
    if (spec.kind === "text") return tfText(tf, spec);
    if (spec.kind === "train") return tfTrain(tf, spec);
    if (spec.kind === "contrastive") throw new Error("scores of 256 MB and their gradients are too much for it");
    if (spec.kind === "top_k") throw new Error("it has no array of that size");
    const x = tf.randomUniform(inputShape(spec), -1, 1);
    if (spec.kind === "max_pool") {
      return async () => {
        const y = tf.maxPool3d(x, spec.kernel, spec.stride, "same");
        await y.data();
        y.dispose();
      };
    }
    let channels = spec.shape[4];
    const layers = spec.layers.map(({ kernel, outChannels, groups }) => {
      if (groups > 1) throw new Error("no grouped 3-D convolution");
      const weight = tf.randomUniform([...kernel, channels, outChannels], -0.1, 0.1);
      channels = outChannels;
      return { weight, bias: tf.zeros([outChannels]) };
    });
    return async () => {
      const y = tf.tidy(() =>
        layers.reduce((z, { weight, bias }) => tf.relu(tf.add(tf.conv3d(z, weight, 1, "same"), bias)), x),
      );
      await y.data();
      y.dispose();
    };
  };
}
