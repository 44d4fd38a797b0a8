import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { WeightsError } from "../errors.js";
import type { ParameterStore } from "../graph/parameter_store.js";
import type { Tensor } from "../graph/tensor.js";
import * as nn from "../nn/layers.js";
import { openWeights, writeSafetensors } from "../weights/index.js";
import { type StoredTensor, toFloat32 } from "../weights/tensor.js";
import { withoutWrapper } from "./videoclip_weights.js";

/** Key of the head of step classification, as in fairseq's MMPT. */
const KEY = "video_encoder.classifier";
const FILE = "classifier.safetensors";

/** Classes of every token `[N, T, hidden]`: logits `[N, T, classes]`. */
export const stepClassifier = (tokens: Tensor, classes: number): Tensor => nn.linear(tokens, KEY, classes);

/** Shapes of the head's parameters. */
export const classifierParameters = (classes: number, hidden: number) => [
  { key: `${KEY}.weight`, shape: [classes, hidden] },
  { key: `${KEY}.bias`, shape: [classes] },
];

/** Writes the head beside the model in a folder of `VideoClip.save`. */
export function saveClassifier(folder: string, store: ParameterStore, classes: number, hidden: number): void {
  const tensors = classifierParameters(classes, hidden).map(({ key, shape }): [string, StoredTensor] => [
    key,
    { dtype: "F32", shape, read: () => new Uint8Array(store.get(key).buffer) },
  ]);
  writeSafetensors(join(folder, FILE), new Map(tensors), { format: "pt" });
}

/**
 * Puts the head of a model into a store: that of a folder, or of a checkpoint of fairseq's MMPT.
 * @returns its number of classes, or undefined where the model has none
 * @throws WeightsError for a head that does not fit
 */
export async function loadClassifier(
  path: string,
  store: Pick<ParameterStore, "set">,
  hidden: number,
): Promise<number | undefined> {
  const file = statSync(path).isDirectory() ? join(path, FILE) : path;
  if (!existsSync(file)) return undefined;
  const weights = await openWeights(file, { skipForeign: true });
  try {
    const tensors = withoutWrapper(weights.tensors);
    const head = tensors.get(`${KEY}.weight`);
    if (!head) return undefined;
    const [classes] = head.shape;
    for (const { key, shape } of classifierParameters(classes, hidden)) {
      const tensor = tensors.get(key);
      if (tensor?.shape.join() !== shape.join()) {
        const received = tensor ? `[${tensor.shape.join(", ")}]` : "none";
        throw new WeightsError(`${file}: ${key}: expected [${shape.join(", ")}], received ${received}`, { file, key });
      }
      store.set(key, shape, toFloat32(tensor));
    }
    return classes;
  } finally {
    weights.close();
  }
}
