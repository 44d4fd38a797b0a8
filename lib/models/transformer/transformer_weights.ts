import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { WeightsError } from "../../base/errors.js";
import { input, trace } from "../../graph/trace.js";
import { weightFile } from "../../weights/folder.js";
import { openWeights } from "../../weights/open_weights.js";
import { loadInto, type LoadIntoOptions, type ParameterSink } from "../../weights/load_into.js";
import { MARIAN_MARKER, marianKeys } from "../../weights/transformer_files.js";
import { parametersOf } from "../parameters.js";
import {
  embedTokens,
  memoryKeys,
  nextToken,
  transformerDecoder,
  transformerEncoder,
  type TransformerConfig,
} from "./transformer.js";

/** Buffers of published files that are not parameters. */
const UNUSED = /(^|\.)(embed_positions\.weight|num_batches_tracked)$/;

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

/**
 * Loads a file's parameters, or the given ones, into a store.
 * @param options.rename default: Marian's, if the file has its keys
 * @returns first 16 hex digits of its SHA-256
 */
export async function loadTransformer(
  path: string,
  c: TransformerConfig,
  store: ParameterSink,
  options: Pick<LoadIntoOptions, "given" | "rename" | "signal"> = {},
): Promise<string> {
  const { given, signal } = options;
  const file = await openWeights(path, { signal });
  try {
    const rename = options.rename ?? (file.tensors.has(MARIAN_MARKER) ? marianKeys(c.sharedEmbedding) : undefined);
    const shapes = transformerParameters(c);
    const { hash } = await loadInto(store, file, { shapes, rename, ignored: UNUSED, given, signal });
    return hash;
  } finally {
    file.close();
  }
}
