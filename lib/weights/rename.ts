import { WeightsError } from "../base/errors.js";
import type { StoredTensor } from "./tensor.js";

/** Tensors of a file by key. */
export type Tensors = ReadonlyMap<string, StoredTensor>;

/** Gives the tensors of a file the keys (and, if necessary, the shapes) of a model. Nothing is read. */
export type KeyRename = (tensors: Tensors) => Map<string, StoredTensor>;

/**
 * Maps the keys of a file to those of a model: a function of all its tensors, or pairs of a pattern and its replacement
 * as for `String.replace`, which are applied to every key one after another, such as `[[/^net\./, ""]]`.
 */
export type KeyMap = KeyRename | readonly (readonly [pattern: RegExp | string, replacement: string])[];

/**
 * A rename by a function of the key; a tensor is left out if it returns undefined.
 * @throws WeightsError (when it is used) when two tensors get one key
 */
export function renameKeys(rename: (key: string) => string | undefined): KeyRename {
  return (tensors) => {
    const out = new Map<string, StoredTensor>();
    for (const [key, tensor] of tensors) {
      const name = rename(key);
      if (name === undefined) continue;
      if (out.has(name)) throw new WeightsError(`two tensors are ${name}: ${key} is one of them`, { key });
      out.set(name, tensor);
    }
    return out;
  };
}

/** A key map as a function of all tensors. */
export function keyRename(map: KeyMap): KeyRename {
  if (typeof map === "function") return map;
  return renameKeys((key) => map.reduce((name, [pattern, replacement]) => name.replace(pattern, replacement), key));
}
