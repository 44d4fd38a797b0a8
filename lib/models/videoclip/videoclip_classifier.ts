import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ParameterStore } from "../../runtime/parameter_store.js";
import type { Tensor } from "../../graph/tensor.js";
import * as nn from "../../nn/layers.js";
import { openWeights } from "../../weights/open_weights.js";
import { writeSafetensors } from "../../weights/safetensors.js";
import { loadInto, type ParameterSink } from "../../weights/load_into.js";
import { type StoredTensor, stored } from "../../weights/tensor.js";
import { withoutWrapper } from "./videoclip_weights.js";

/** Key of the head of step classification, as in fairseq's MMPT. */
const KEY = "video_encoder.classifier";
const FILE = "classifier.safetensors";

/** Classifies every token `[N, T, hidden]`: logits `[N, T, classes]`. */
export const stepClassifier = (tokens: Tensor, classes: number): Tensor => nn.linear(tokens, KEY, classes);

/** Shapes of the head's parameters. */
export const classifierParameters = (classes: number, hidden: number) => [
  { key: `${KEY}.weight`, shape: [classes, hidden] },
  { key: `${KEY}.bias`, shape: [classes] },
];

/** Writes the head into a folder of `VideoClip.save`. */
export function saveClassifier(folder: string, store: ParameterStore, classes: number, hidden: number): void {
  const tensors = classifierParameters(classes, hidden).map(({ key, shape }): [string, StoredTensor] => [
    key,
    stored(shape, () => store.get(key), "f32"),
  ]);
  writeSafetensors(join(folder, FILE), new Map(tensors), { format: "pt" });
}

/**
 * Loads the head of a model into a store, from a folder or from a checkpoint of fairseq's MMPT.
 * @returns its number of classes, or undefined if the model has none
 * @throws WeightsError for a head that does not fit
 */
export async function loadClassifier(
  path: string,
  store: ParameterSink,
  hidden: number,
  signal?: AbortSignal,
): Promise<number | undefined> {
  const file = statSync(path).isDirectory() ? join(path, FILE) : path;
  if (!existsSync(file)) return undefined;
  const weights = await openWeights(file, { skipForeign: true, signal });
  try {
    const classes = withoutWrapper(weights.tensors).get(`${KEY}.weight`)?.shape[0];
    if (classes === undefined) return undefined;
    const shapes = new Map(classifierParameters(classes, hidden).map(({ key, shape }) => [key, shape]));
    await loadInto(store, weights, { shapes, rename: withoutWrapper, ignored: /^/, signal });
    return classes;
  } finally {
    weights.close();
  }
}
