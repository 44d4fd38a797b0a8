import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { WeightsError } from "../errors.js";
import type { ParameterStore } from "../graph/parameter_store.js";
import { input, trace } from "../graph/trace.js";
import { weightFile } from "../weights/folder.js";
import { openWeights } from "../weights/index.js";
import { toFloat32 } from "../weights/tensor.js";
import { checkKeys, parametersOf } from "./parameters.js";
import {
  embedTokens,
  memoryKeys,
  nextToken,
  transformerDecoder,
  transformerEncoder,
  type TransformerConfig,
} from "./transformer.js";

/** Buffers and tied copies that published files carry beside the parameters. */
const UNUSED = /(^|\.)(embed_positions\.weight|num_batches_tracked)$|^lm_head\.weight$|\.embed_tokens\.weight$/;

/** Every parameter of a model, by key. */
export function transformerParameters(c: TransformerConfig): Map<string, readonly number[]> {
  return parametersOf(
    trace(() => {
      const ids = input("ids", [1, 1], "i32");
      const [scale, positions, mask] = [
        input("scale", [1]),
        input("positions", [1, c.width]),
        input("mask", [1, 1], "u8"),
      ];
      const memory = transformerEncoder(embedTokens(ids, scale, positions, c, "encoder"), mask, c);
      const x = embedTokens(ids, scale, positions, c, "decoder");
      const { output } = transformerDecoder(x, memoryKeys(memory, c), mask, c);
      return { y: nextToken(output, c) };
    }),
  );
}

/** Files of a Hugging Face folder, or the file itself. */
export function transformerFiles(path: string): { weights: string; config?: string } {
  if (!existsSync(path)) throw new WeightsError(`${path}: there is no such file or folder`, { file: path });
  if (!statSync(path).isDirectory()) return { weights: path };
  return { weights: weightFile(path), config: join(path, "config.json") };
}

/** Names under which Marian's files keep a tied embedding. */
const TIED: Record<string, readonly string[]> = {
  "model.shared.weight": ["model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight", "lm_head.weight"],
  "model.decoder.embed_tokens.weight": ["lm_head.weight"],
};

/** Puts a file's parameters into a store, or those that are given. @returns first 16 hex digits of its SHA-256 */
export async function loadTransformer(
  path: string,
  c: TransformerConfig,
  store: Pick<ParameterStore, "set">,
  given: ReadonlyMap<string, Float32Array> = new Map(),
): Promise<string> {
  const file = await openWeights(path);
  try {
    const tensors = new Map(file.tensors);
    const needed = transformerParameters(c);
    for (const [key, others] of Object.entries(TIED)) {
      const found = others.map((other) => tensors.get(other)).find((tensor) => tensor);
      if (needed.has(key) && !tensors.has(key) && found) tensors.set(key, found);
    }
    if (!needed.has("model.shared.weight")) tensors.delete("model.shared.weight");
    const own = new Map([...needed].filter(([key]) => !given.has(key)));
    for (const key of given.keys()) tensors.delete(key);
    checkKeys(path, own, tensors, UNUSED);
    for (const [key, shape] of needed) store.set(key, shape, given.get(key) ?? toFloat32(tensors.get(key)!));
    return file.sha256.slice(0, 16);
  } finally {
    file.close();
  }
}
