import { createHash, type Hash } from "node:crypto";
import { WeightsError } from "../base/errors.js";
import { isShardIndex, readShardIndex } from "./folder.js";
import { readSafetensors } from "./safetensors.js";
import { stateDict } from "./state_dict.js";
import { asBuffer } from "./as_buffer.js";
import { ByteFile } from "./byte_file.js";
import { type StoredTensor } from "./tensor.js";
import { isTorchLegacy, readTorchLegacy, readTorchZip, type Tree } from "./torch.js";

/** Opened weights: one file, or several with an index. Tensors are read on demand until `close`. */
export interface WeightsFile {
  path: string;
  format: "safetensors" | "torch-zip" | "torch-legacy";
  /**
   * SHA-256 of the whole file, hexadecimal; of several files, of their concatenated contents in the order of their
   * names.
   */
  sha256: string;
  metadata: Record<string, string>;
  /**
   * The state dict: found under `state_dict`, `model`, `ema` and similar names at any depth, without `module.` if all
   * keys have it, and without `_orig_mod.`.
   */
  tensors: Map<string, StoredTensor>;
  /** Everything in the file. */
  root: Tree;
  /** Classes and functions in the file that were skipped: see `openWeights`. */
  skipped: string[];
  close(): void;
}

const CONTAINERS: [Buffer | RegExp, string][] = [
  [Buffer.from("7z\xbc\xaf", "latin1"), "a 7z archive"],
  [Buffer.from("\x1f\x8b", "latin1"), "a gzip file"],
  [Buffer.from("\x89HDF", "latin1"), "an HDF5 file"],
  [/^version https:\/\/git-lfs/, "a Git LFS pointer: fetch the file itself with git lfs pull"],
  [/^\s*</, "a web page: the download failed"],
];

/** Parses a file by its content. @param skipped as in `readPickle` @internal */
export function readTree(
  file: ByteFile,
  skipped?: Set<string>,
): {
  format: WeightsFile["format"];
  root: Tree;
  metadata: Record<string, string>;
} {
  const head = asBuffer(file.read(0, Math.min(file.size, 512)));
  if (file.size === 0) throw file.fail("the file is empty", 0);
  if (file.size >= 4 && head.readUInt32LE(0) === 0x04034b50) {
    return { format: "torch-zip", root: readTorchZip(file, skipped), metadata: {} };
  }
  if (isTorchLegacy(head)) return { format: "torch-legacy", root: readTorchLegacy(file, skipped), metadata: {} };
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

export interface OpenWeightsOptions {
  /**
   * Accept a checkpoint that contains a trainer's objects: they become null, and their classes are listed in `skipped`.
   * They are never imported or called. Default false: such a file is refused.
   */
  skipForeign?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Opens a weight file: safetensors, or a checkpoint of torch.save (zip or legacy stream), recognised by content. An
 * index of Hugging Face (`model.safetensors.index.json`, `pytorch_model.bin.index.json`) opens all its files.
 * @throws WeightsError for a file that is missing, broken, contains forbidden objects, or lacks a key of its index; the
 * signal's reason when it is aborted
 */
export async function openWeights(path: string, options: OpenWeightsOptions = {}): Promise<WeightsFile> {
  const sha256 = createHash("sha256");
  const opened = isShardIndex(path) ? await openShards(path, options, sha256) : await openFile(path, options, sha256);
  return { ...opened, sha256: sha256.digest("hex") };
}

type Opened = Omit<WeightsFile, "sha256">;

async function openFile(path: string, options: OpenWeightsOptions, sha256: Hash): Promise<Opened> {
  const file = new ByteFile(path);
  try {
    const skipped = options.skipForeign ? new Set<string>() : undefined;
    const { format, root, metadata } = readTree(file, skipped);
    for await (const chunk of file.chunks(0, file.size, options.signal)) sha256.update(chunk);
    const tensors = stateDict(root);
    return { path, format, metadata, tensors, root, skipped: [...(skipped ?? [])], close: () => file.close() };
  } catch (error) {
    file.close();
    throw error;
  }
}

async function openShards(path: string, options: OpenWeightsOptions, sha256: Hash): Promise<Opened> {
  const files: Opened[] = [];
  const close = () => {
    for (const file of files) file.close();
  };
  try {
    const tensors = new Map<string, StoredTensor>();
    for (const shard of readShardIndex(path)) {
      const file = await openFile(shard.path, options, sha256);
      files.push(file);
      const lacking = shard.keys.filter((key) => !file.tensors.has(key));
      if (lacking.length > 0) {
        const list = lacking.slice(0, 4).join(", ") + (lacking.length > 4 ? ", ..." : "");
        throw new WeightsError(
          `${shard.path}: ${lacking.length} keys that ${path} places in it are not there: ${list}`,
          {
            file: shard.path,
            key: lacking[0],
          },
        );
      }
      for (const [key, tensor] of file.tensors) {
        if (tensors.has(key)) {
          throw new WeightsError(`${shard.path}: ${key} is also in another file of ${path}`, { file: shard.path, key });
        }
        tensors.set(key, tensor);
      }
    }
    const skipped = [...new Set(files.flatMap((file) => file.skipped))];
    const metadata = Object.assign({}, ...files.map((file) => file.metadata)) as Record<string, string>;
    return { path, format: files[0].format, metadata, tensors, root: tensors, skipped, close };
  } catch (error) {
    close();
    throw error;
  }
}
