import { WeightsError } from "../base/errors.js";
import type { ParameterStore } from "../runtime/parameter_store.js";
import { floatValues, readFloats } from "./float_values.js";
import { openWeights, type WeightsFile } from "./open_weights.js";
import { type KeyMap, keyRename, type Tensors } from "./rename.js";
import { describeKeys, unwrapped } from "./state_dict.js";
import { countElements, STORED_BYTES, type StoredTensor } from "./tensor.js";
import { TimeSlices } from "./time_slices.js";

/** Shapes of parameters by key. */
export type ParameterShapes = ReadonlyMap<string, readonly number[]>;

/** The target of parameters: the store of a device, or an object with the same method. */
export type ParameterSink = Pick<ParameterStore, "set"> & Partial<Pick<ParameterStore, "begin">>;

/** Minimum bytes of a tensor that is copied to a store in parts, as it is read. */
const LARGE_BYTES = 8 << 20;

export interface LoadIntoOptions {
  /**
   * The parameters of the model; or a function from the file's tensors (with the model's keys), if only they show a
   * size.
   */
  shapes: ParameterShapes | ((tensors: Tensors) => ParameterShapes);
  /** Maps the keys of the file to those of the model. Default: they are equal. */
  rename?: KeyMap | undefined;
  /** Keys of other parts, which the model does not use. Default: none, so an unexpected key is an error. */
  ignored?: RegExp | undefined;
  /** Values that replace those of the file, which may lack them. */
  given?: ReadonlyMap<string, Float32Array> | undefined;
  /** Makes the values of a parameter that the file lacks; undefined for a required one. */
  fallback?: ((key: string, shape: readonly number[]) => (() => Float32Array) | undefined) | undefined;
  /** Option of `openWeights`, if the source is a path. */
  skipForeign?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

/** What was loaded. */
export interface LoadedWeights {
  /** First 16 hex digits of the SHA-256 of the file or files. */
  hash: string;
  shapes: ParameterShapes;
}

/**
 * The only function from a weight file to parameters: it opens the file, removes wrappers (`model.` before all keys),
 * renames, checks all keys and sets the values. Reading, converting and copying do not block the event loop. The file
 * is read twice, once for its checksum.
 * @param source a path, or opened weights, which stay open
 * @throws WeightsError with all missing, unexpected and wrong-shaped keys, before anything is set; the signal's reason
 */
export async function loadInto(
  store: ParameterSink,
  source: string | (Pick<WeightsFile, "path" | "tensors" | "sha256"> & Partial<Pick<WeightsFile, "root">>),
  options: LoadIntoOptions,
): Promise<LoadedWeights> {
  const { rename, ignored, given, fallback, signal } = options;
  signal?.throwIfAborted();
  const opened = typeof source === "string" ? await openWeights(source, options) : undefined;
  const file = opened ?? (source as WeightsFile);
  try {
    const renamed = (from: Tensors): Tensors => (rename ? keyRename(rename)(from) : from);
    const shapesFor = (from: Tensors) => (typeof options.shapes === "function" ? options.shapes(from) : options.shapes);
    const tensors = renamed(unwrapped(file.tensors, knownKeys(renamed, shapesFor)));
    const shapes = shapesFor(tensors);
    const others: Others = new Map();
    for (const [key, shape] of shapes) {
      const values = given?.get(key);
      const make = values ? () => values : tensors.has(key) ? undefined : fallback?.(key, shape);
      if (make) others.set(key, make);
    }
    const found = [...shapes.keys()].some((key) => tensors.has(key)) ? "" : describeKeys(file);
    checkKeys(file.path, { shapes, tensors, others, ignored, renamed: rename !== undefined, found });
    await put(store, shapes, others, tensors, signal);
    return { hash: file.sha256.slice(0, 16), shapes };
  } finally {
    opened?.close();
  }
}

/**
 * Number of needed parameters among the renamed tensors. If the file's tensors cannot be renamed, candidates without
 * wrappers are accepted only if they are complete; otherwise the error describes the file.
 */
function knownKeys(renamed: (from: Tensors) => Tensors, shapesFor: (tensors: Tensors) => ParameterShapes) {
  let refused = false;
  return (from: Tensors): number => {
    try {
      const tensors = renamed(from);
      const keys = [...shapesFor(tensors).keys()];
      const known = keys.filter((key) => tensors.has(key)).length;
      return refused && known < keys.length ? 0 : known;
    } catch (error) {
      if (!(error instanceof WeightsError)) throw error;
      refused = true;
      return 0;
    }
  };
}

/** Values that do not come from the file. */
type Others = Map<string, () => Float32Array>;

/** Sets all parameters. Large ones are copied in parts; while a smaller one is copied, the next is read. */
async function put(
  store: ParameterSink,
  shapes: ParameterShapes,
  others: Others,
  tensors: Tensors,
  signal: AbortSignal | undefined,
): Promise<void> {
  const slices = new TimeSlices(signal);
  const keys = [...shapes.keys()];
  const fromFile = (i: number): StoredTensor | undefined => (others.has(keys[i]) ? undefined : tensors.get(keys[i]));
  const read = (i: number): Promise<Float32Array> | undefined => {
    const tensor = fromFile(i);
    const reading = tensor && !isLarge(tensor) ? readFloats(tensor, signal, slices) : undefined;
    reading?.catch(() => {}); // awaited in the next iteration
    return reading;
  };
  let next = read(0);
  try {
    for (const [i, key] of keys.entries()) {
      const shape = shapes.get(key)!;
      const tensor = fromFile(i);
      const values = tensor ? await next : others.get(key)!();
      next = read(i + 1);
      if (values || !(await putParts(store, key, shape, tensor!, signal)))
        store.set(key, shape, values ?? (await readFloats(tensor!, signal, slices)));
      await slices.next();
    }
  } finally {
    await next?.catch(() => {}); // after this, nothing reads the file, so it may be closed
  }
}

const isLarge = ({ dtype, shape, parts }: StoredTensor): boolean =>
  parts !== undefined && (countElements(shape) ?? 0) * STORED_BYTES[dtype] >= LARGE_BYTES;

/** Sets a parameter in parts. @returns false if the store accepts only the whole parameter */
async function putParts(
  store: ParameterSink,
  key: string,
  shape: readonly number[],
  tensor: StoredTensor,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const parameter = store.begin?.(key, shape);
  if (!parameter) return false;
  try {
    for await (const part of tensor.parts!(signal)) parameter.write(floatValues(tensor.dtype, part));
    parameter.end();
    return true;
  } catch (error) {
    try {
      parameter.discard();
    } catch {
      // the device was disposed meanwhile
    }
    throw error;
  }
}

interface Comparison {
  shapes: ParameterShapes;
  tensors: Tensors;
  others: Others;
  ignored: RegExp | undefined;
  renamed: boolean;
  /** The differing part of the file, for the error. */
  found: string;
}

/** Compares a file's tensors with the model's parameters; throws one error with every difference. */
function checkKeys(file: string, { shapes, tensors, others, ignored, renamed, found }: Comparison): void {
  const needed = [...shapes].filter(([key]) => !others.has(key));
  const missing = needed.flatMap(([key]) => (tensors.has(key) ? [] : [key]));
  const wrong = needed.flatMap(([key, shape]) => {
    const found = tensors.get(key)?.shape;
    return found && found.join() !== shape.join()
      ? [`${key} (expected [${shape.join(", ")}], found [${found.join(", ")}])`]
      : [];
  });
  const unexpected = [...tensors.keys()].filter((key) => !shapes.has(key) && !ignored?.test(key));
  if (missing.length + wrong.length + unexpected.length === 0) return;
  const list = (label: string, keys: readonly string[]): string[] =>
    keys.length > 0 ? [`${keys.length} ${label}: ${keys.slice(0, 8).join(", ")}${keys.length > 8 ? ", ..." : ""}`] : [];
  const text = [
    ...list("missing", missing),
    ...list("of the wrong shape", wrong),
    ...list("unexpected", unexpected),
  ].join("; ");
  const note = renamed ? " (keys as the model has them)" : "";
  throw new WeightsError(`${file} does not fit the model; ${text}${note}${found}`, {
    file,
    expected: missing,
    received: unexpected,
  });
}
