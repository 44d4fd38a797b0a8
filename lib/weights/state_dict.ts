import type { Tensors } from "./rename.js";
import type { StoredTensor } from "./tensor.js";
import type { Tree } from "./torch.js";

/**
 * Entries of a checkpoint that contain the model, the likeliest first; averaged weights (EMA) only if there are no
 * others.
 */
const WRAPPERS = [
  "state_dict",
  "model_state_dict",
  "model_state",
  "model",
  "module",
  "net",
  "network",
  "weights",
  "params",
  "state_dict_ema",
  "ema_state_dict",
  "model_ema",
  "ema_model",
  "ema",
  "shadow",
];
/** Entries that contain tensors of a trainer. */
const TRAINER = /optim|sched|scaler|callback|loop|rng/i;
const MAX_DEPTH = 8;

const isTensor = (value: Tree | undefined): value is StoredTensor =>
  typeof value === "object" && value !== null && "read" in value;

function holdsTensors(value: Tree | undefined, depth = 0): value is Map<string, Tree> {
  if (!(value instanceof Map) || depth > MAX_DEPTH) return false;
  return [...value.values()].some((item) => isTensor(item) || holdsTensors(item, depth + 1));
}

/**
 * The state dict in a checkpoint: under the usual names at any depth, or under the only entry with tensors. Prefixes of
 * `torch.compile` and data parallelism (`_orig_mod.`, `module.`) are removed.
 */
export function stateDict(root: Tree): Map<string, StoredTensor> {
  let map: Tree = root;
  for (let depth = 0; depth < MAX_DEPTH && map instanceof Map; depth++) {
    const inner: Map<string, Tree> | undefined = innerOf(map);
    if (!inner) break;
    map = inner;
  }
  const tensors = new Map<string, StoredTensor>();
  if (map instanceof Map) for (const [key, value] of map) if (isTensor(value)) tensors.set(key, value);
  return withoutTorchNames(tensors);
}

function innerOf(map: ReadonlyMap<string, Tree>): Map<string, Tree> | undefined {
  for (const key of WRAPPERS) {
    const inner = map.get(key);
    if (holdsTensors(inner)) return inner;
  }
  if ([...map.values()].some(isTensor)) return undefined;
  const others = [...map].flatMap(([key, value]) => (!TRAINER.test(key) && holdsTensors(value) ? [value] : []));
  return others.length === 1 ? others[0] : undefined;
}

function withoutTorchNames(tensors: Map<string, StoredTensor>): Map<string, StoredTensor> {
  let now = tensors;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const keys = [...now.keys()].filter((key) => key !== "n_averaged"); // the counter of torch's AveragedModel
    let next: Map<string, StoredTensor> | undefined;
    if (keys.length > 0 && keys.every((key) => key.startsWith("module."))) {
      next = new Map(keys.map((key) => [key.slice("module.".length), now.get(key)!]));
    } else if (keys.some((key) => COMPILED.test(key))) {
      next = new Map([...now].map(([key, tensor]) => [key.replaceAll(COMPILED_ALL, "$1"), tensor]));
      if (next.size !== now.size) return now;
    }
    if (!next) return now;
    now = next;
  }
  return now;
}

const COMPILED = /(^|\.)_orig_mod\./;
const COMPILED_ALL = /(^|\.)(?:_orig_mod\.)+/g;

/** The first part of the keys (`model.`) if all have the same, otherwise undefined. */
function commonPrefix(keys: Iterable<string>): string | undefined {
  let prefix: string | undefined;
  for (const key of keys) {
    prefix ??= /^[^.]+\./.exec(key)?.[0];
    if (prefix === undefined || !key.startsWith(prefix)) return undefined;
  }
  return prefix;
}

/** The tensors, then without the first part of their keys as long as all have the same: `model.net.x`, `net.x`, `x`. */
function* unwrappings(tensors: Tensors): Generator<Tensors> {
  yield tensors;
  let now = tensors;
  for (let prefix = commonPrefix(now.keys()); prefix; prefix = commonPrefix(now.keys())) {
    const { length } = prefix;
    now = new Map([...now].map(([key, tensor]) => [key.slice(length), tensor]));
    yield now;
  }
}

/**
 * Removes common first parts of all keys, as long as more tensors fit.
 * @param fits a measure of how well tensors fit; larger is better
 * @returns the tensors that fit best; the given ones if no others fit better
 */
export function unwrapped(tensors: Tensors, fits: (tensors: Tensors) => number): Tensors {
  let best = tensors;
  let max = -Infinity;
  for (const candidate of unwrappings(tensors)) {
    const now = fits(candidate);
    if (now > max) [best, max] = [candidate, now];
  }
  return best;
}

/** A part of a sentence on the keys that a file has instead of the expected ones; "" if there is nothing to say. */
export function describeKeys({ tensors, root }: { tensors: Tensors; root?: Tree | undefined }): string {
  const prefix = commonPrefix(tensors.keys());
  if (prefix) return `; all its keys begin with ${prefix}, such as ${[...tensors.keys()][0]}`;
  if (tensors.size > 0 || !(root instanceof Map)) return "";
  const entries = [...root.keys()].slice(0, 12).join(", ");
  return `; it has no tensors under ${WRAPPERS.slice(0, 4).join(", ")} and the like, its entries are ${entries || "none"}`;
}
