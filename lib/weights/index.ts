import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import type { PickleOptions } from "./pickle.js";
import { readSafetensors } from "./safetensors.js";
import { ByteFile, type StoredTensor } from "./tensor.js";
import { isTorchLegacy, readTorchLegacy, readTorchZip, type Tree } from "./torch.js";

export { writeSafetensors } from "./safetensors.js";
export { type StoredDType, type StoredTensor, toFloat32 } from "./tensor.js";
export type { Tree } from "./torch.js";

/** An opened weight file. Tensors are read when asked for; `close` ends that. */
export interface WeightsFile {
  path: string;
  format: "safetensors" | "torch-zip" | "torch-legacy";
  /** Of the whole file, hexadecimal. */
  sha256: string;
  metadata: Record<string, string>;
  /** The state dict, flattened: found under `state_dict`, `model_state` or `model` where there is such a key. */
  tensors: Map<string, StoredTensor>;
  /** Everything in the file. */
  root: Tree;
  close(): void;
}

const CONTAINERS: [Buffer | RegExp, string][] = [
  [Buffer.from("7z\xbc\xaf", "latin1"), "a 7z archive"],
  [Buffer.from("\x1f\x8b", "latin1"), "a gzip file"],
  [Buffer.from("\x89HDF", "latin1"), "an HDF5 file"],
  [/^version https:\/\/git-lfs/, "a Git LFS pointer: fetch the file itself with git lfs pull"],
  [/^\s*</, "a web page: the download failed"],
];

/** What kind of file this is, by its content. */
export function readTree(
  file: ByteFile,
  options: PickleOptions = {},
): {
  format: WeightsFile["format"];
  root: Tree;
  metadata: Record<string, string>;
} {
  const head = file.read(0, Math.min(file.size, 512));
  if (file.size === 0) throw file.fail("the file is empty", 0);
  if (file.size >= 4 && head.readUInt32LE(0) === 0x04034b50) {
    return { format: "torch-zip", root: readTorchZip(file, options), metadata: {} };
  }
  if (isTorchLegacy(head)) return { format: "torch-legacy", root: readTorchLegacy(file, options), metadata: {} };
  if (head[0] === 0x80 && head[1] >= 2 && head[1] <= 5)
    throw file.fail("this is a bare pickle, which is not a checkpoint", 0);
  for (const [magic, what] of CONTAINERS) {
    const match =
      magic instanceof RegExp ? magic.test(head.toString("latin1")) : head.subarray(0, magic.length).equals(magic);
    if (match) throw file.fail(`this is ${what}`, 0);
  }
  if (head.subarray(257, 262).toString("latin1") === "ustar")
    throw file.fail("tar checkpoints (torch 0.1) are not read: save it again", 0);
  const { tensors, metadata } = readSafetensors(file);
  return { format: "safetensors", root: tensors, metadata };
}

function isTensor(value: Tree): value is StoredTensor {
  return typeof value === "object" && value !== null && "read" in value;
}

/** The state dict inside a checkpoint. */
function stateDict(root: Tree): Map<string, StoredTensor> {
  let map: Tree = root;
  for (const key of ["state_dict", "model_state", "model"]) {
    const inner: Tree | undefined = map instanceof Map ? map.get(key) : undefined;
    if (inner instanceof Map) map = inner;
  }
  const tensors = new Map<string, StoredTensor>();
  if (map instanceof Map) for (const [key, value] of map) if (isTensor(value)) tensors.set(key, value);
  const keys = [...tensors.keys()];
  if (keys.length === 0 || !keys.every((key) => key.startsWith("module."))) return tensors;
  return new Map([...tensors].map(([key, value]) => [key.slice("module.".length), value]));
}

/**
 * Opens a weight file: safetensors, or a checkpoint of torch.save (zip or legacy stream), recognised by content.
 * @param options.skipForeign take a checkpoint that also holds a trainer's objects; they appear as null. Nothing of them is
 *   imported or called
 */
export async function openWeights(path: string, options: PickleOptions = {}): Promise<WeightsFile> {
  const file = new ByteFile(path);
  try {
    const { format, root, metadata } = readTree(file, options);
    const hash = createHash("sha256");
    for await (const chunk of createReadStream(path)) hash.update(chunk);
    return {
      path,
      format,
      sha256: hash.digest("hex"),
      metadata,
      tensors: stateDict(root),
      root,
      close: () => file.close(),
    };
  } catch (error) {
    file.close();
    throw error;
  }
}
