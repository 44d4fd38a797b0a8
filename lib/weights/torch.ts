import { readPickle } from "./pickle.js";
import { StorageRef, TensorRef, Tuple, type Value } from "./pickle_values.js";
import { asBuffer } from "./as_buffer.js";
import type { ByteFile } from "./byte_file.js";
import { countElements, STORED_BYTES, type StoredDType, type StoredTensor } from "./tensor.js";
import { TimeSlices } from "./time_slices.js";
import { readZip, type ZipEntry } from "./zip.js";

/**
 * A checkpoint as plain data: maps, arrays, numbers, strings and tensors. `null` stands for objects that are not
 * constructed.
 */
export type Tree = null | boolean | number | string | Tree[] | Map<string, Tree> | StoredTensor;

const DTYPES: Record<string, StoredDType> = {
  FloatStorage: "F32",
  DoubleStorage: "F64",
  HalfStorage: "F16",
  BFloat16Storage: "BF16",
  LongStorage: "I64",
  IntStorage: "I32",
  ShortStorage: "I16",
  CharStorage: "I8",
  ByteStorage: "U8",
  BoolStorage: "BOOL",
};

/** Elements that a view may have in addition to those of its storage (an expanded tensor). */
const MAX_EXPANSION = 1 << 20;
const MAX_DEPTH = 64;
const MAX_NODES = 1_000_000;

interface Storage {
  offset: number;
  bytes: number;
}

/** Reads a zip checkpoint of torch.save (1.6 and later). @param skipped as in `readPickle` */
export function readTorchZip(file: ByteFile, skipped?: Set<string>): Tree {
  const entries = readZip(file, [0]);
  const pickles = [...entries.keys()].filter((name) => name.endsWith("/data.pkl") && name.split("/").length === 2);
  if (pickles.length !== 1) throw file.fail(`expected one data.pkl, found ${pickles.length}`, 0);
  const prefix = pickles[0].slice(0, -"data.pkl".length);
  for (const name of entries.keys()) {
    if (!name.startsWith(prefix)) throw file.fail(`entry ${name} has another prefix than ${prefix}`, 0);
    if (name.startsWith(`${prefix}code/`) || name === `${prefix}constants.pkl`) {
      throw file.fail("a TorchScript archive holds code; save its state_dict() instead", 0);
    }
  }
  const order = entries.get(`${prefix}byteorder`);
  if (order && asBuffer(file.read(order.offset, Math.min(order.size, 16))).toString("latin1") !== "little") {
    throw file.fail("the byte order is not little endian", order.offset);
  }
  checkVersion(file, entries.get(`${prefix}.data/version`) ?? entries.get(`${prefix}version`));
  const pickle = entries.get(pickles[0])!;
  const { value, end } = readPickle(file, pickle.offset, pickle.offset + pickle.size, skipped);
  if (end !== pickle.offset + pickle.size) throw file.fail("bytes after the end of data.pkl", end);
  return toTree(file, value, (ref, itemSize) => {
    const entry = /^[\w-]+$/.test(ref.key) ? entries.get(`${prefix}data/${ref.key}`) : undefined;
    if (!entry) throw file.fail(`storage ${JSON.stringify(ref.key)} is missing`, pickle.offset);
    if (entry.size !== ref.numel * itemSize) {
      throw file.fail(
        `storage ${ref.key}: ${ref.numel} elements need ${ref.numel * itemSize} bytes, found ${entry.size}`,
        entry.offset,
      );
    }
    return { offset: entry.offset, bytes: entry.size };
  });
}

/** Versions of the archive that PyTorch reads (`kMinSupportedFileFormatVersion` and `kMaxSupportedFileFormatVersion`). */
const MAX_ARCHIVE_VERSION = 10;

function checkVersion(file: ByteFile, entry: ZipEntry | undefined): void {
  if (!entry) return;
  const text = asBuffer(file.read(entry.offset, Math.min(entry.size, 16))).toString("latin1");
  const version = /^\d+\n?$/.test(text) ? Number(text) : 0;
  if (version >= 1 && version <= MAX_ARCHIVE_VERSION) return;
  const received = JSON.stringify(text);
  throw file.fail(
    `the version of the archive: expected 1 to ${MAX_ARCHIVE_VERSION}, received ${received}`,
    entry.offset,
  );
}

const LEGACY_MAGIC = Buffer.from("80028a0a6cfc9c46f9206aa850192e", "hex");

export function isTorchLegacy(head: Uint8Array): boolean {
  return LEGACY_MAGIC.equals(head.subarray(0, LEGACY_MAGIC.length));
}

/** Reads a legacy stream of torch.save (before 1.6): five pickles, then the storages. */
export function readTorchLegacy(file: ByteFile, skipped?: Set<string>): Tree {
  let at = LEGACY_MAGIC.length;
  const next = () => {
    const { value, end } = readPickle(file, at, file.size, skipped);
    at = end;
    return value;
  };
  if (next() !== 1001) throw file.fail("unknown protocol of a legacy checkpoint", LEGACY_MAGIC.length);
  const system = next();
  if (system instanceof Map && system.get("little_endian") === false)
    throw file.fail("the byte order is not little endian", at);
  const root = next();
  const keys = next();
  if (!Array.isArray(keys) || keys.some((key) => typeof key !== "string"))
    throw file.fail("broken list of storages", at);
  const found = new Map<string, { ref: StorageRef; size: number }>();
  collectStorages(root, found, file);
  const storages = new Map<string, Storage>();
  for (const key of keys as string[]) {
    const known = found.get(key);
    const numel = Number(asBuffer(file.read(at, 8)).readBigInt64LE(0));
    at += 8;
    if (!known) throw file.fail(`storage ${JSON.stringify(key)} belongs to no tensor`, at - 8);
    if (numel !== known.ref.numel)
      throw file.fail(`storage ${key}: ${numel} elements, expected ${known.ref.numel}`, at - 8);
    const bytes = numel * known.size;
    if (at + bytes > file.size) throw file.fail(`storage ${key} is cut off`, at);
    storages.set(key, { offset: at, bytes });
    at += bytes;
  }
  if (at !== file.size) throw file.fail("bytes after the last storage", at);
  return toTree(file, root, (ref, itemSize) => {
    const storage = storages.get(ref.key);
    if (!storage) throw file.fail(`storage ${JSON.stringify(ref.key)} is missing`, at);
    if (!ref.view) return storage;
    const [, offset, size] = ref.view;
    if (offset < 0 || size < 0 || (offset + size) * itemSize > storage.bytes)
      throw file.fail("a storage view reaches outside", at);
    return { offset: storage.offset + offset * itemSize, bytes: size * itemSize };
  });
}

/** Visits values without recursion, each shared value once. */
function collectStorages(root: Value, into: Map<string, { ref: StorageRef; size: number }>, file: ByteFile): void {
  const seen = new Set<Value>();
  const stack: Value[] = [root];
  while (stack.length > 0) {
    const value = stack.pop()!;
    if (value === null || typeof value !== "object" || seen.has(value)) continue;
    seen.add(value);
    if (value instanceof TensorRef) stack.push(value.storage);
    else if (value instanceof StorageRef) into.set(value.key, { ref: value, size: STORED_BYTES[dtypeOf(file, value)] });
    else if (value instanceof Tuple) for (const item of value.items) stack.push(item);
    else if (Array.isArray(value)) for (const item of value) stack.push(item);
    else if (value instanceof Map) for (const item of value.values()) stack.push(item);
  }
}

function dtypeOf(file: ByteFile, ref: StorageRef): StoredDType {
  const dtype = DTYPES[ref.storage.name];
  if (!dtype) throw file.fail(`${ref.storage.name} is not supported`, 0);
  return dtype;
}

function toTree(file: ByteFile, root: Value, locate: (ref: StorageRef, itemSize: number) => Storage): Tree {
  const made = new Map<Value, Tree>();
  let nodes = 0;
  const convert = (value: Value, depth: number): Tree => {
    if (value === null || typeof value === "boolean" || typeof value === "number" || typeof value === "string")
      return value;
    if (typeof value === "bigint") return Number(value);
    if (depth > MAX_DEPTH) throw file.fail("values nested too deep", 0);
    const before = made.get(value);
    if (before !== undefined) return before;
    if (++nodes > MAX_NODES) throw file.fail("too many values", 0);
    if (value instanceof TensorRef) {
      const tensor = makeTensor(file, value, locate);
      made.set(value, tensor);
      return tensor;
    }
    if (value instanceof Tuple || Array.isArray(value)) {
      const list: Tree[] = [];
      made.set(value, list);
      for (const item of Array.isArray(value) ? value : value.items) list.push(convert(item, depth + 1));
      return list;
    }
    if (value instanceof Map) {
      const map = new Map<string, Tree>();
      made.set(value, map);
      for (const [key, item] of value) {
        const name = String(key);
        if (map.has(name)) throw file.fail(`two keys of a dict read ${JSON.stringify(name.slice(0, 200))}`, 0);
        map.set(name, convert(item, depth + 1));
      }
      return map;
    }
    return null;
  };
  return convert(root, 0);
}

function makeTensor(
  file: ByteFile,
  ref: TensorRef,
  locate: (ref: StorageRef, itemSize: number) => Storage,
): StoredTensor {
  const dtype = dtypeOf(file, ref.storage);
  const itemSize = STORED_BYTES[dtype];
  if (ref.storage.numel > 2 ** 48) throw file.fail(`a storage of ${ref.storage.numel} elements`, 0);
  const storage = locate(ref.storage, itemSize);
  const { shape, strides, offset } = ref;
  const count = countElements(shape);
  if (count === undefined) throw file.fail(`a tensor of shape [${shape.join(", ")}] is too large`, 0);
  const available = storage.bytes / itemSize;
  let last = offset;
  if (count > 0) {
    shape.forEach((n, i) => {
      last += (n - 1) * strides[i];
    });
    if (!(last < available))
      throw file.fail(
        `a tensor of shape [${shape.join(", ")}] reaches outside its storage of ${available}`,
        storage.offset,
      );
  } else if (offset > available) {
    throw file.fail("an empty tensor begins outside its storage", storage.offset);
  }
  if (count > available + MAX_EXPANSION)
    throw file.fail(`a view of ${count} elements expands a storage of ${available}`, storage.offset);
  const view: View = { start: storage.offset, itemSize, shape, strides, offset, count, last };
  return {
    dtype,
    shape,
    read() {
      const source = file.read(...rangeOf(view));
      if (isDense(view)) return source;
      const out = new Uint8Array(count * itemSize);
      for (const _ of gather(source, view, out));
      return out;
    },
    async readAsync(signal) {
      const source = await file.readAsync(...rangeOf(view), signal);
      if (isDense(view)) return source;
      const out = new Uint8Array(count * itemSize);
      const slices = new TimeSlices(signal);
      for (const _ of gather(source, view, out)) await slices.next();
      return out;
    },
    ...(isDense(view) ? { parts: (signal) => file.chunks(...rangeOf(view), signal) } : {}),
  };
}

/** A strided view of a storage. */
interface View {
  /** Position of the storage in the file. */
  start: number;
  itemSize: number;
  shape: readonly number[];
  /**
   * Strides in elements, like `offset`, `count` (of the view) and `last` (index of its last element in the storage).
   */
  strides: readonly number[];
  offset: number;
  count: number;
  last: number;
}

/** Offset and length of the bytes in the file that the view spans. */
const rangeOf = ({ start, itemSize, offset, count, last }: View): [number, number] =>
  count === 0 ? [start, 0] : [start + offset * itemSize, (last - offset + 1) * itemSize];

/** Whether the elements are row-major and contiguous in the storage. */
function isDense({ shape, strides, count }: View): boolean {
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (count > 0 && shape[i] > 1 && strides[i] !== step) return false;
    step *= shape[i];
  }
  return true;
}

/** Elements that `gather` copies between two pauses. */
const GATHERED = 1 << 16;

/** Copies the elements of a view row-major to `out`, from the bytes that it spans, with pauses. */
function* gather(source: Uint8Array, { itemSize, shape, strides, count }: View, out: Uint8Array): Generator<void> {
  const index = new Array<number>(shape.length).fill(0);
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (i % GATHERED === GATHERED - 1) yield;
    for (let b = 0; b < itemSize; b++) out[i * itemSize + b] = source[at * itemSize + b];
    for (let d = shape.length - 1; d >= 0; d--) {
      at += strides[d];
      if (++index[d] < shape[d]) break;
      at -= shape[d] * strides[d];
      index[d] = 0;
    }
  }
}
