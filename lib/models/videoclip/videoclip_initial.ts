import { join } from "node:path";
import { InvalidArgumentError } from "../../base/errors.js";
import { hashNormal } from "../../nn/random_weights.js";
import { weightFile } from "../../weights/folder.js";
import { loadInto, type ParameterShapes, type ParameterSink } from "../../weights/load_into.js";
import type { KeyRename } from "../../weights/rename.js";
import { readTextFields, textConfig } from "../text/text_config.js";
import { modernKeys } from "../text/text_weights.js";
import { textModelOf, type VideoClipConfig, videoClipConfig } from "./videoclip_config.js";
import { textModelPrefix } from "./videoclip_graph.js";
import { videoClipParameters } from "./videoclip_weights.js";

/** Number of layers that the video tower copies from BERT, as in the paper. */
const VIDEO_LAYERS = 6;

/**
 * The config of a model that starts from the weights of a Hugging Face folder: the folder's sizes, unless `given` has
 * others.
 * @throws InvalidArgumentError when the folder is MobileBERT and the config needs BERT
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

/** The key in a text model's file from which a parameter is initialised, or undefined. */
function sourceKey(key: string, c: VideoClipConfig): string | undefined {
  const model = textModelOf(c);
  const prefix = model
    ? new RegExp(`^${textModelPrefix(c)}\\.`)
    : /^(text_encoder|video_encoder\.bert|mm_encoder\.bert)\./;
  if (!prefix.test(key) || (c.frozenText && key.startsWith("text_encoder."))) return undefined;
  return key.replace(prefix, `${model?.family ?? "bert"}.`);
}

/** Initial values of BERT and MMPT: matrices N(0, 0.02), biases 0, normalisations 1 and 0. */
function initialValues(seed: number, key: string, shape: readonly number[]): Float32Array {
  const count = shape.reduce((a, b) => a * b, 1);
  if (shape.length > 1) return hashNormal(`initial/${seed}/`, key, count, 0.02);
  return new Float32Array(count).fill(key.endsWith(".weight") ? 1 : 0);
}

/** The tensors of a text model's file, under every key that is initialised from them. */
function initialKeys(shapes: ParameterShapes, c: VideoClipConfig): KeyRename {
  const modern = modernKeys(textModelOf(c) ?? { family: "bert", tied: true });
  return (tensors) => {
    const named = modern(tensors);
    return new Map(
      [...shapes.keys()].flatMap((key) => {
        const source = sourceKey(key, c);
        const tensor = source === undefined ? undefined : named.get(source);
        return tensor ? [[key, tensor] as const] : [];
      }),
    );
  };
}

/**
 * Sets the initial parameters of a model in a store: those of the text model from its folder, the others random.
 * @returns a name for the weights: `initial:SEED`, and the first 16 hex digits of the file's SHA-256
 * @throws WeightsError with all missing and wrong-shaped keys
 */
export async function loadInitial(
  store: ParameterSink,
  c: VideoClipConfig,
  seed: number,
  folder?: string,
  signal?: AbortSignal,
): Promise<string> {
  const shapes = videoClipParameters(c);
  if (folder === undefined) {
    for (const [key, shape] of shapes) store.set(key, shape, initialValues(seed, key, shape));
    return `initial:${seed}`;
  }
  const { hash } = await loadInto(store, weightFile(folder), {
    shapes,
    rename: initialKeys(shapes, c),
    fallback: (key, shape) => (sourceKey(key, c) === undefined ? () => initialValues(seed, key, shape) : undefined),
    signal,
  });
  return `initial:${seed}:${hash}`;
}
