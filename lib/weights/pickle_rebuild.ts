import { Global, Opaque, StorageRef, TensorRef, Tuple, type Value } from "./pickle_values.js";

/** Makes the error of a broken pickle. */
type Fail = (message: string) => Error;

const MAX_RANK = 8;

/** A persistent id, `("storage", class, key, location, numel)`. */
export function storageRef(id: Value, fail: Fail): StorageRef {
  const items = id instanceof Tuple ? id.items : [];
  const [tag, type, key, location, numel, view] = items;
  const ok =
    (items.length === 5 || items.length === 6) &&
    tag === "storage" &&
    type instanceof Global &&
    type.kind === "storage" &&
    typeof key === "string" &&
    typeof location === "string" &&
    typeof numel === "number" &&
    Number.isSafeInteger(numel) &&
    numel >= 0;
  if (!ok) throw fail("a persistent id that is not a storage");
  let part: [string, number, number] | null = null;
  if (view instanceof Tuple) {
    const [name, offset, size] = view.items;
    if (typeof name !== "string" || typeof offset !== "number" || typeof size !== "number")
      throw fail("broken storage view");
    part = [name, offset, size];
  } else if (view !== undefined && view !== null) {
    throw fail("broken storage view");
  }
  return new StorageRef(type, key, numel, part);
}

/** The result of calling a name of the allow-list: data, or an opaque value. */
export function rebuild(callee: Global, items: Value[], fail: Fail): Value {
  switch (callee.kind) {
    case "dict":
      return orderedDict(items, fail);
    case "tensor":
      return tensor(items, fail);
    case "parameter":
      if (items.length !== 3 || !(items[0] instanceof TensorRef)) throw fail("a parameter without a tensor");
      return items[0];
    case "size":
      if (items.length !== 1 || !(items[0] instanceof Tuple)) throw fail("a Size without sizes");
      return items[0];
    case "opaque":
      return new Opaque(callee.name);
    default:
      throw fail(`${callee.name} cannot be called`);
  }
}

function orderedDict(items: Value[], fail: Fail): Map<Value, Value> {
  const map = new Map<Value, Value>();
  if (items.length === 0) return map;
  if (items.length !== 1 || !Array.isArray(items[0])) throw fail("an OrderedDict that is not made from pairs");
  for (const pair of items[0]) {
    const entry = pair instanceof Tuple ? pair.items : Array.isArray(pair) ? pair : [];
    if (entry.length !== 2 || Array.isArray(entry[0]) || entry[0] instanceof Map) throw fail("an OrderedDict pair");
    map.set(entry[0], entry[1]);
  }
  return map;
}

function tensor(items: Value[], fail: Fail): TensorRef {
  const [storage, offset, size, stride, grad, hooks] = items;
  const ints = (value: Value): number[] | undefined =>
    value instanceof Tuple && value.items.every((n) => typeof n === "number" && Number.isSafeInteger(n) && n >= 0)
      ? (value.items as number[])
      : undefined;
  const shape = ints(size);
  const strides = ints(stride);
  if (!(storage instanceof StorageRef) || items.length < 6 || items.length > 7)
    throw fail("a tensor without a storage");
  if (typeof offset !== "number" || !Number.isSafeInteger(offset) || offset < 0)
    throw fail("a negative or broken storage offset");
  if (!shape || !strides) throw fail("tensor sizes and strides must be non-negative integers");
  if (shape.length !== strides.length || shape.length > MAX_RANK)
    throw fail(`a tensor of ${shape.length} sizes and ${strides.length} strides`);
  if (typeof grad !== "boolean" || !(hooks instanceof Map) || hooks.size > 0) throw fail("a tensor with hooks");
  return new TensorRef(storage, offset, shape, strides);
}
