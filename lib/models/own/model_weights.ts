import { existsSync, statSync } from "node:fs";
import { InvalidArgumentError, WeightsError } from "../../base/errors.js";
import { hashParameter } from "../../nn/random_weights.js";
import { suggestion } from "../../base/suggest.js";
import { weightFile } from "../../weights/folder.js";
import { openWeights, type WeightsFile } from "../../weights/open_weights.js";
import { loadInto, type ParameterShapes, type ParameterSink } from "../../weights/load_into.js";
import { inputTypes, type InputDType, type InputType } from "./model_inputs.js";
import type { EncoderLayer } from "./net_encoders.js";
import { loadParameters } from "../parameters.js";
import { modernKeys } from "../text/text_weights.js";
import { OTHER_PARTS } from "../video/video_models.js";

/** The weights of an encoder in a net: a file (or a text encoder's folder), or random weights. */
export type PretrainedWeights = string | { weights: string } | { randomWeights: number };

/**
 * Loads the published weights of a net's encoder into a store.
 * @param shapes of all the net's parameters
 * @returns the loaded keys
 * @throws WeightsError with all missing, unexpected and wrong-shaped keys; InvalidArgumentError when the net has no
 * such encoder
 */
export async function loadPretrained(
  store: ParameterSink,
  key: string,
  encoders: ReadonlyMap<string, EncoderLayer>,
  shapes: ParameterShapes,
  source: PretrainedWeights,
): Promise<Set<string>> {
  const layer = encoders.get(key);
  if (!layer) {
    const names = [...encoders.keys()];
    const known =
      names.length > 0 ? suggestion(key, names) : "; it has none (nn.videoEncoder and nn.textEncoder make one)";
    throw new InvalidArgumentError(`pretrained.${key}: the net has no encoder of this key${known}`, {
      argument: "pretrained",
      received: key,
    });
  }
  const prefix = `${key}.`;
  const own: ParameterShapes = new Map(
    [...shapes].flatMap(([name, shape]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), shape] as const] : [],
    ),
  );
  const put = new Set<string>();
  const sink: ParameterSink = {
    set(name, shape, data) {
      put.add(prefix + name);
      store.set(prefix + name, shape, data);
    },
  };
  const from = typeof source === "string" ? { weights: source } : source;
  if (layer.kind === "video") await loadParameters(sink, own, { model: layer.model, ...from, ignored: OTHER_PARTS });
  else if ("randomWeights" in from) {
    for (const [name, shape] of own) sink.set(name, shape, hashParameter(`random/${from.randomWeights}/`, name, shape));
  } else await loadText(sink, own, layer, from.weights);
  return put;
}

async function loadText(
  sink: ParameterSink,
  shapes: ParameterShapes,
  { config }: EncoderLayer & { kind: "text" },
  path: string,
): Promise<void> {
  const file = await openFileOrFolder(path);
  try {
    // the heads of the encoder's training are ignored
    await loadInto(sink, file, { shapes, rename: modernKeys(config), ignored: /^/ });
  } finally {
    file.close();
  }
}

/** Opens a weight file, or that of a folder. @throws WeightsError when there is none */
export async function openFileOrFolder(path: string): Promise<WeightsFile> {
  if (!existsSync(path)) throw new WeightsError(`${path}: there is no such file or folder`, { file: path });
  return openWeights(statSync(path).isDirectory() ? weightFile(path) : path);
}

/** The inputs in the metadata of a saved model; undefined if another program wrote the file. */
export function savedInputs({ path, metadata }: WeightsFile): Map<string, InputType> | undefined {
  if (metadata.inputs === undefined) return undefined;
  try {
    const inputs = Object.entries(JSON.parse(metadata.inputs) as Record<string, InputType>);
    return inputTypes(
      Object.fromEntries(inputs.map(([name, { shape }]) => [name, shape])),
      Object.fromEntries(inputs.map(([name, { dtype }]): [string, InputDType] => [name, dtype])),
    );
  } catch (cause) {
    throw new WeightsError(`${path}: its metadata do not say what the model takes (${(cause as Error).message})`, {
      file: path,
      key: "inputs",
      cause,
    });
  }
}

/** Inputs in the form of metadata. */
export const inputsText = (types: ReadonlyMap<string, InputType>): string => JSON.stringify(Object.fromEntries(types));
