import { WeightsError } from "../errors.js";
import type { ParameterStore } from "../graph/parameter_store.js";
import { hashParameter } from "../nn/random_weights.js";
import { openWeights } from "../weights/index.js";
import { type StoredTensor, toFloat32 } from "../weights/tensor.js";
import { checkKeys } from "./parameters.js";
import type { TextConfig } from "./text_config.js";

/** What a file of weights can compute beside hidden states. */
export type TextHead = "pooled" | "mlm" | "nsp" | "classes" | "tags" | "span";

/**
 * Keys as newer files have them: `LayerNorm.gamma` and `.beta` become `.weight` and `.bias`, the family's prefix is added
 * where the encoder was saved alone, and the MLM decoder's bias stands under `cls.predictions.bias`.
 * @throws WeightsError when two keys become the same
 */
export function modernKeys(
  tensors: ReadonlyMap<string, StoredTensor>,
  config: Pick<TextConfig, "family" | "tied">,
): Map<string, StoredTensor> {
  const out = new Map<string, StoredTensor>();
  for (const [key, tensor] of tensors) {
    const named = key
      .replace(/\.LayerNorm\.gamma$/, ".LayerNorm.weight")
      .replace(/\.LayerNorm\.beta$/, ".LayerNorm.bias");
    const full = /^(embeddings|encoder|pooler)\./.test(named) ? `${config.family}.${named}` : named;
    if (out.has(full)) throw new WeightsError(`two tensors are ${full}: ${key} is one of them`, { key });
    out.set(full, tensor);
  }
  const copies = [["cls.predictions.bias", "cls.predictions.decoder.bias"]];
  if (!config.tied) {
    copies.push(["cls.predictions.decoder.weight", `${config.family}.embeddings.word_embeddings.weight`]);
  }
  for (const [to, from] of copies) {
    const tensor = out.get(from);
    if (!out.has(to) && tensor) out.set(to, tensor);
  }
  return out;
}

/** What heads the weights have. `classifier` reads tokens or sentences: the configuration's architecture says which. */
export function headsOf(has: (key: string) => boolean, config: TextConfig): Set<TextHead> {
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

/** Where a text encoder's parameters come from. */
export interface TextWeights {
  heads: Set<TextHead>;
  /** Classes that `classifier` has. */
  classes: number;
  /** First 16 hex digits of the SHA-256 of the file or files, or `random:SEED`. */
  hash: string;
}

type Shapes = Map<string, readonly number[]>;

/**
 * Puts the parameters of the encoder and of every head that the file has into a store.
 * @param shapes what an encoder with those heads needs
 * @throws WeightsError with all missing, unexpected and wrong-shaped keys
 */
export async function loadTextWeights(
  store: Pick<ParameterStore, "set">,
  path: string,
  config: TextConfig,
  shapes: (heads: Set<TextHead>, classes: number) => Shapes,
): Promise<TextWeights> {
  const file = await openWeights(path);
  try {
    const tensors = modernKeys(file.tensors, config);
    const heads = headsOf((key) => tensors.has(key), config);
    const classes = tensors.get("classifier.weight")?.shape[0] ?? config.labels.length;
    const needed = shapes(heads, classes);
    checkKeys(path, needed, tensors, /position_ids$|^cls\.predictions\.decoder\.(weight|bias)$|\.pooler\.dense\./);
    for (const [key, shape] of needed) store.set(key, shape, toFloat32(tensors.get(key)!));
    return { heads, classes, hash: file.sha256.slice(0, 16) };
  } finally {
    file.close();
  }
}

/** Generated weights, for trying things out: every head but one of the two kinds of classifier. */
export function randomTextWeights(
  store: Pick<ParameterStore, "set">,
  seed: number,
  config: TextConfig,
  shapes: (heads: Set<TextHead>, classes: number) => Shapes,
): TextWeights {
  const heads = headsOf(() => true, config);
  const classes = config.labels.length;
  const salt = `random/${seed}/`;
  for (const [key, shape] of shapes(heads, classes)) store.set(key, shape, hashParameter(salt, key, shape));
  return { heads, classes, hash: `random:${seed}` };
}
