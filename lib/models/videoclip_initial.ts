import { join } from "node:path";
import { InvalidArgumentError } from "../errors.js";
import type { ParameterStore } from "../graph/parameter_store.js";
import { hashNormal } from "../nn/random_weights.js";
import { weightFile } from "../weights/folder.js";
import { openWeights } from "../weights/index.js";
import { type StoredTensor, toFloat32 } from "../weights/tensor.js";
import { checkKeys, type ParameterShapes } from "./parameters.js";
import { readTextFields, textConfig } from "./text_config.js";
import { modernKeys } from "./text_weights.js";
import { textModelOf, type VideoClipConfig, videoClipConfig } from "./videoclip_config.js";
import { textModelPrefix } from "./videoclip_graph.js";
import { videoClipParameters } from "./videoclip_weights.js";

/** Layers that the video side takes over from BERT, as the paper does. */
const VIDEO_LAYERS = 6;

/**
 * The config of a model that begins with the weights of a Hugging Face folder: its sizes, where `given` does not say others.
 * @throws InvalidArgumentError for a MobileBERT as VideoCLIP's own BERT
 */
export function configFromText(
  folder: string,
  given: Partial<VideoClipConfig>,
  base: VideoClipConfig,
): VideoClipConfig {
  const fields = readTextFields(join(folder, "config.json"));
  if (given.textModel ?? base.textModel)
    return videoClipConfig({ ...given, textModel: given.textModel ?? fields }, base);
  const { family, hidden, heads, intermediate, vocabulary, maxPositions, layers, eps, activation } = textConfig(fields);
  if (family !== "bert" || activation !== "gelu") {
    throw new InvalidArgumentError(
      `textModel: ${folder}: expected BERT with gelu, received ${family} with ${activation}: use the preset videoclip-light, or set textModel in config`,
      { argument: "textModel", expected: "bert", received: family },
    );
  }
  const sizes = {
    hiddenSize: hidden,
    heads,
    intermediateSize: intermediate,
    vocabularySize: vocabulary,
    maxPositions,
    layerNormEps: eps,
    textLayers: layers,
    videoLayers: given.shared ? layers : Math.min(VIDEO_LAYERS, layers),
  };
  return videoClipConfig({ ...sizes, ...given }, base);
}

/** The key of a text model's file that a parameter begins as, or undefined. */
function sourceKey(key: string, c: VideoClipConfig): string | undefined {
  const model = textModelOf(c);
  const prefix = model
    ? new RegExp(`^${textModelPrefix(c)}\\.`)
    : /^(text_encoder|video_encoder\.bert|mm_encoder\.bert)\./;
  if (!prefix.test(key) || (c.frozenText && key.startsWith("text_encoder."))) return undefined;
  return key.replace(prefix, `${model?.family ?? "bert"}.`);
}

/** As BERT and MMPT begin: matrices N(0, 0.02), biases 0, normalisations 1 and 0. */
function initialValues(seed: number, key: string, shape: readonly number[]): Float32Array {
  const count = shape.reduce((a, b) => a * b, 1);
  if (shape.length > 1) return hashNormal(`initial/${seed}/`, key, count, 0.02);
  return new Float32Array(count).fill(key.endsWith(".weight") ? 1 : 0);
}

/**
 * Puts the parameters of a model that is to be trained into a store: those of the text model from its folder, the others random.
 * @returns what the weights are: `initial:SEED`, and the first 16 hex digits of the file's SHA-256
 * @throws WeightsError with all missing and wrong-shaped keys
 */
export async function loadInitial(
  store: Pick<ParameterStore, "set">,
  c: VideoClipConfig,
  seed: number,
  folder?: string,
): Promise<string> {
  let tensors = new Map<string, StoredTensor>();
  const path = folder && weightFile(folder);
  const file = path ? await openWeights(path) : undefined;
  try {
    const all = videoClipParameters(c);
    const from = new Map([...all.keys()].map((key) => [key, file && sourceKey(key, c)]));
    if (file && path) {
      tensors = modernKeys(file.tensors, textModelOf(c) ?? { family: "bert", tied: true });
      const needed: ParameterShapes = new Map(
        [...all].flatMap(([key, shape]) => {
          const source = from.get(key);
          return source ? [[source, shape] as const] : [];
        }),
      );
      checkKeys(path, needed, tensors, /^/);
    }
    for (const [key, shape] of all) {
      const source = from.get(key);
      store.set(key, shape, source ? toFloat32(tensors.get(source)!) : initialValues(seed, key, shape));
    }
    return file ? `initial:${seed}:${file.sha256.slice(0, 16)}` : `initial:${seed}`;
  } finally {
    file?.close();
  }
}
