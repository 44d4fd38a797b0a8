// Weights in several files, as Hugging Face writes them.
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openWeights } from "#lib/weights/index.js";
import { writeSafetensors } from "#lib/weights/safetensors.js";
import type { StoredTensor } from "#lib/weights/tensor.js";

/** Replaces the `model.safetensors` of a folder by two files and their index. @returns the index's path */
export async function spread(folder: string): Promise<string> {
  const path = join(folder, "model.safetensors");
  const file = await openWeights(path);
  const names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
  const parts = names.map(() => new Map<string, StoredTensor>());
  const map: Record<string, string> = {};
  [...file.tensors].forEach(([key, tensor], i) => {
    parts[i % 2].set(key, tensor);
    map[key] = names[i % 2];
  });
  parts.forEach((part, i) => writeSafetensors(join(folder, names[i]), part, { format: "pt" }));
  file.close();
  rmSync(path);
  const index = `${path}.index.json`;
  writeFileSync(index, JSON.stringify({ metadata: { total_size: 1 }, weight_map: map }));
  return index;
}
