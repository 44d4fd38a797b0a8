import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { WeightsError } from "../base/errors.js";
import { ByteFile } from "./byte_file.js";

const FILES = ["model.safetensors", "pytorch_model.bin"];
const INDEX = ".index.json";

/**
 * The weights in a Hugging Face folder: the single file, or the index of several files.
 * @throws WeightsError when there is neither
 */
export function weightFile(folder: string): string {
  const names = FILES.flatMap((name) => [name, name + INDEX]);
  const found = names.map((name) => join(folder, name)).find((path) => existsSync(path));
  if (found) return found;
  throw new WeightsError(`${folder}: expected ${FILES.join(" or ")} in this folder, or the ${INDEX} of either`, {
    file: folder,
  });
}

/** Whether a path is that of an index, as returned by `weightFile`. */
export const isShardIndex = (path: string): boolean => path.endsWith(INDEX);

/** One of several files of weights, and its keys in the index. */
export interface Shard {
  path: string;
  keys: string[];
}

/**
 * The files of an index (`{"weight_map": {key: file}}`), in the order of their names.
 * @throws WeightsError for an index that is broken, or that names a file which is missing or in another folder
 */
export function readShardIndex(path: string): Shard[] {
  const fail = (message: string, file = path) => new WeightsError(`${path}: ${message}`, { file });
  const file = new ByteFile(path);
  let index: { weight_map?: unknown } | null;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(file.read(0, file.size));
    index = JSON.parse(text) as typeof index;
  } catch (cause) {
    throw new WeightsError(`${path}: expected a JSON object (${(cause as Error).message})`, { file: path, cause });
  } finally {
    file.close();
  }
  const map = index?.weight_map;
  if (typeof map !== "object" || map === null || Array.isArray(map)) throw fail("expected an object under weight_map");
  const keys = new Map<string, string[]>();
  for (const [key, name] of Object.entries(map)) {
    if (typeof name !== "string" || name === "" || name !== basename(name) || /^\.+$|\\/.test(name)) {
      throw fail(
        `weight_map: ${JSON.stringify(key)}: expected the name of a file beside it, found ${JSON.stringify(name)}`,
      );
    }
    const list = keys.get(name);
    if (list) list.push(key);
    else keys.set(name, [key]);
  }
  if (keys.size === 0) throw fail("weight_map names no file");
  const shards = [...keys].map(([name, list]) => ({ path: join(dirname(path), name), keys: list }));
  shards.sort((a, b) => (a.path < b.path ? -1 : 1));
  const missing = shards.filter((shard) => !existsSync(shard.path)).map((shard) => basename(shard.path));
  if (missing.length > 0) {
    const list = missing.slice(0, 4).join(", ") + (missing.length > 4 ? ", ..." : "");
    throw fail(
      `${missing.length} of its ${shards.length} files are not beside it: ${list}`,
      join(dirname(path), missing[0]),
    );
  }
  return shards;
}
