import { WeightsError } from "../base/errors.js";
import { floatValues } from "./float_values.js";
import { type KeyRename, renameKeys } from "./rename.js";
import { stored, type StoredTensor } from "./tensor.js";

/** @deprecated The type of a rename for the option `rename` of `Transformer.load`. */
export type TransformerKeys = KeyRename;

/** Names of the modules that enclose `torch.nn.Transformer`, which has neither embeddings nor an output projection. */
export interface TorchKeyOptions {
  /** Prefix of every key of the `nn.Transformer`, such as `transformer.`. */
  prefix?: string | undefined;
  /** Module of the source and of the target embedding, and of the output projection (`nn.Linear`). */
  source?: string | undefined;
  target?: string | undefined;
  output?: string | undefined;
}

/**
 * A rename for files of a model that contains `torch.nn.Transformer`.
 * @throws WeightsError (when it is used) when two tensors get one key
 */
export function torchKeys(options: TorchKeyOptions = {}): KeyRename {
  const { prefix = "", source = "source_embedding", target = "target_embedding", output = "output" } = options;
  const modules = Object.entries({ [source]: "source_embedding", [target]: "target_embedding", [output]: "output" });
  return renameKeys((key) => {
    for (const [module, name] of modules) {
      if (key.startsWith(`${module}.`)) return name + key.slice(module.length);
      if (key === `${module}_projection.weight`) return `${name}_projection.weight`;
    }
    return key.startsWith(prefix) ? key.slice(prefix.length) : key;
  });
}

/** A key that only Marian's files have. */
export const MARIAN_MARKER = "model.encoder.layers.0.self_attn.q_proj.weight";

const SHARED = "model.shared.weight";
const TABLES = { encoder: "model.encoder.embed_tokens.weight", decoder: "model.decoder.embed_tokens.weight" };
const HEAD = "lm_head.weight";

const NORMS = {
  encoder: ["self_attn_layer_norm", "final_layer_norm"],
  decoder: ["self_attn_layer_norm", "encoder_attn_layer_norm", "final_layer_norm"],
};

function marianLayer(side: "encoder" | "decoder", rest: string): string {
  return rest
    .replace(/^encoder_attn\./, "multihead_attn.")
    .replace(/^fc([12])\./, "linear$1.")
    .replace(/^(\w+_layer_norm)\./, (whole, name: string) => {
      const place = NORMS[side].indexOf(name) + 1;
      return place > 0 ? `norm${place}.` : whole;
    });
}

const marianNames = renameKeys((key) => {
  const layer = /^model\.(encoder|decoder)\.layers\.(\d+)\.(.+)$/.exec(key);
  if (layer) {
    const side = layer[1] as "encoder" | "decoder";
    return `${side}.layers.${layer[2]}.${marianLayer(side, layer[3])}`;
  }
  return key.replace(/^model\.(encoder|decoder)\.layer_norm\./, "$1.norm.");
});

/**
 * A rename for files of Hugging Face's Marian (`MarianMTModel`): its three projections of an attention layer become the
 * single one of `torch.nn.Transformer`. A tied embedding may have any of its names.
 * @param shared whether source and target have one vocabulary
 */
export const marianKeys =
  (shared = true): KeyRename =>
  (tensors) => {
    const out = marianNames(tensors);
    const embedding = (key: string, names: readonly string[]) => {
      const found = names.map((name) => tensors.get(name)).find((tensor) => tensor);
      if (found) out.set(key, found);
    };
    embedding("source_embedding.weight", shared ? [SHARED, TABLES.encoder, TABLES.decoder, HEAD] : [TABLES.encoder]);
    if (!shared) embedding("target_embedding.weight", [TABLES.decoder, HEAD]);
    for (const name of [SHARED, TABLES.encoder, TABLES.decoder, HEAD]) out.delete(name);
    const bias = out.get("final_logits_bias");
    if (bias) {
      out.delete("final_logits_bias");
      out.set("output.bias", { ...bias, shape: bias.shape.slice(-1) });
    }
    stackProjections(out);
    return out;
  };

/** Stacks the queries', keys' and values' projections of every attention layer. */
function stackProjections(out: Map<string, StoredTensor>): void {
  for (const key of [...out.keys()]) {
    const [, layer, kind] = /^(.*)\.q_proj\.(weight|bias)$/.exec(key) ?? [];
    if (layer === undefined) continue;
    const names = ["q", "k", "v"].map((name) => `${layer}.${name}_proj.${kind}`);
    const parts = names.flatMap((name) => out.get(name) ?? []);
    if (parts.length < 3) continue; // the check of keys reports missing ones
    out.set(`${layer}.in_proj_${kind}`, stacked(key, parts));
    for (const name of names) out.delete(name);
  }
}

/** Concatenates tensors along the first axis; the other axes are equal. */
function stacked(key: string, parts: readonly StoredTensor[]): StoredTensor {
  const rest = parts[0].shape.slice(1);
  if (parts.some(({ shape }) => shape.slice(1).join() !== rest.join())) {
    throw new WeightsError(
      `${key}: expected three projections of one shape, found ${parts.map(({ shape }) => `[${shape.join(", ")}]`).join(", ")}`,
      { key },
    );
  }
  const shape = [parts.reduce((rows, part) => rows + part.shape[0], 0), ...rest];
  return stored(
    shape,
    () => {
      const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
      let at = 0;
      for (const part of parts) {
        const own = floatValues(part.dtype, part.read());
        values.set(own, at);
        at += own.length;
      }
      return values;
    },
    "f32",
  );
}
