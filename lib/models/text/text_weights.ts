import { hashParameter } from "../../nn/random_weights.js";
import { openWeights } from "../../weights/open_weights.js";
import { loadInto, type ParameterShapes, type ParameterSink } from "../../weights/load_into.js";
import { type KeyRename, renameKeys, type Tensors } from "../../weights/rename.js";
import { unwrapped } from "../../weights/state_dict.js";
import type { TextConfig } from "./text_config.js";

/** Heads that a weight file may have. */
export type TextHead = "pooled" | "mlm" | "nsp" | "classes" | "tags" | "span";

/**
 * Renames keys to those of newer files: `LayerNorm.gamma` and `.beta` become `.weight` and `.bias`, an encoder that was
 * saved alone gets the family's prefix, and the MLM decoder's bias becomes `cls.predictions.bias`. The rename throws a
 * WeightsError when two keys become the same.
 */
export function modernKeys(config: Pick<TextConfig, "family" | "tied">): KeyRename {
  const named = renameKeys((key) =>
    key
      .replace(/\.LayerNorm\.gamma$/, ".LayerNorm.weight")
      .replace(/\.LayerNorm\.beta$/, ".LayerNorm.bias")
      .replace(/^(?=(embeddings|encoder|pooler)\.)/, `${config.family}.`),
  );
  const copies = [["cls.predictions.bias", "cls.predictions.decoder.bias"]];
  if (!config.tied) {
    copies.push(["cls.predictions.decoder.weight", `${config.family}.embeddings.word_embeddings.weight`]);
  }
  return (tensors) => {
    const out = named(tensors);
    for (const [to, from] of copies) {
      const tensor = out.get(from);
      if (!out.has(to) && tensor) out.set(to, tensor);
    }
    return out;
  };
}

/** The heads in the weights. `classifier` reads tokens or sentences, which the configuration's architecture decides. */
function headsOf(has: (key: string) => boolean, config: TextConfig): Set<TextHead> {
  const heads = new Set<TextHead>();
  const pooled = !config.poolerDense || has(`${config.family}.pooler.dense.weight`);
  if (pooled) heads.add("pooled");
  if (has("cls.predictions.transform.dense.weight")) heads.add("mlm");
  if (has("cls.seq_relationship.weight") && pooled) heads.add("nsp");
  if (has("classifier.weight"))
    heads.add(/TokenClassification$/.test(config.architecture) || !pooled ? "tags" : "classes");
  if (has("qa_outputs.weight")) heads.add("span");
  return heads;
}

/** The source of a text encoder's parameters. */
export interface TextWeights {
  heads: Set<TextHead>;
  /** Number of classes of `classifier`. */
  classes: number;
  /** First 16 hex digits of the SHA-256 of the file or files, or `random:SEED`. */
  hash: string;
}

/** The parameters of an encoder with these heads and this number of classes. */
type ShapesOf = (heads: Set<TextHead>, classes: number) => ParameterShapes;

/** Keys of a file that are not used: buffers, tied copies, and a pooler that the configuration does not have. */
const UNUSED = /position_ids$|^cls\.predictions\.decoder\.(weight|bias)$|\.pooler\.dense\./;

/**
 * Loads the parameters of the encoder and of every head in the file into a store.
 * @throws WeightsError with all missing, unexpected and wrong-shaped keys
 */
export async function loadTextWeights(
  store: ParameterSink,
  path: string,
  config: TextConfig,
  shapesOf: ShapesOf,
  signal?: AbortSignal,
): Promise<TextWeights> {
  const file = await openWeights(path, { signal });
  try {
    const rename = modernKeys(config);
    const encoder = [...shapesOf(new Set(), 0).keys()];
    const known = (from: Tensors) => encoder.filter((key) => from.has(key)).length;
    const tensors = rename(unwrapped(file.tensors, (from) => known(rename(from))));
    const heads = headsOf((key) => tensors.has(key), config);
    const classes = tensors.get("classifier.weight")?.shape[0] ?? config.labels.length;
    const options = { shapes: shapesOf(heads, classes), rename, ignored: UNUSED, signal };
    const { hash } = await loadInto(store, file, options);
    return { heads, classes, hash };
  } finally {
    file.close();
  }
}

/** Random weights for trials: all heads except one of the two classifiers. */
export function randomTextWeights(
  store: ParameterSink,
  seed: number,
  config: TextConfig,
  shapesOf: ShapesOf,
): TextWeights {
  const heads = headsOf(() => true, config);
  const classes = config.labels.length;
  const salt = `random/${seed}/`;
  for (const [key, shape] of shapesOf(heads, classes)) store.set(key, shape, hashParameter(salt, key, shape));
  return { heads, classes, hash: `random:${seed}` };
}
