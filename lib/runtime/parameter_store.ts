import type { NativeEngine } from "./binding.js";
import { InvalidArgumentError, VideoClipError, WeightsError } from "../base/errors.js";
import { isArrayOf } from "../base/typed_arrays.js";
import { type DType, elements, type Tensor } from "../graph/tensor.js";

interface Entry {
  id: number;
  shape: readonly number[];
  dtype: DType;
  version: number;
  /** Number of unfinished runs that update the parameter. */
  running: number;
}

/** A parameter that is being set in parts. */
export interface ParameterParts {
  /** Appends values to those written before. */
  write(values: Float32Array): void;
  /** Ends the parameter, which then exists. */
  end(): void;
  /** Discards the written values. */
  discard(): void;
}

/** The functions of a device that its store uses. */
export interface ParameterHost {
  native<T>(call: (engine: NativeEngine) => T): T;
  /** An id that no other parameter of the engine has. */
  nextParameterId(): number;
}

/**
 * Parameters of a device by key, with derived forms (folded, packed) that programs share. Each parameter has a version.
 * A derived form remembers the versions it was made from and is made again before the next run when one has changed.
 */
export class ParameterStore {
  #entries = new Map<string, Entry>();
  #derived = new Map<string, { id: number; sources: string[]; versions: number[] }>();
  /**
   * Increases with every `set` and every run that updates parameters. Programs look for stale derived forms only after
   * a change.
   */
  version = 0;

  readonly #host: ParameterHost;

  /** @internal */
  constructor(host: ParameterHost) {
    this.#host = host;
  }

  /**
   * Sets a parameter. Data is row-major, in the published shape: float32, or the bits of float16 as a Uint16Array.
   * @throws VideoClipError `ERR_BUSY` while a run that updates the parameter has not ended: one of the two would
   * overwrite the other
   */
  set(key: string, shape: readonly number[], data: Float32Array | Uint16Array): void {
    if (data.length !== elements(shape)) {
      throw new InvalidArgumentError(
        `parameter ${key}: shape [${shape.join(", ")}] does not hold ${data.length} values`,
      );
    }
    const old = this.#entries.get(key);
    if (old && old.running > 0) {
      throw new VideoClipError("ERR_BUSY", `parameter ${key}: a run that updates it has not ended: wait for it first`);
    }
    const dtype = isArrayOf("Uint16Array", data) ? "f16" : "f32";
    const entry: Entry = {
      id: old?.id ?? this.#host.nextParameterId(),
      shape,
      dtype,
      version: (old?.version ?? 0) + 1,
      running: 0,
    };
    this.#host.native((engine) => engine.setParameter(entry.id, data));
    this.#entries.set(key, entry);
    this.version++;
  }

  /**
   * Begins an f32 parameter whose values arrive in parts, so that a large one needs no full copy. It exists after
   * `end`.
   * @returns undefined for an existing parameter: programs may be reading it, so only `set` may replace it
   */
  begin(key: string, shape: readonly number[]): ParameterParts | undefined {
    if (this.#entries.has(key)) return undefined;
    const id = this.#host.nextParameterId();
    const count = elements(shape);
    this.#host.native((engine) => engine.setParameter(id, 4 * count));
    let written = 0;
    return {
      write: (values) => {
        this.#host.native((engine) => engine.writeParameter(id, 4 * written, values));
        written += values.length;
      },
      end: () => {
        if (written !== count || this.#entries.has(key)) {
          throw new InvalidArgumentError(`parameter ${key}: expected ${count} values once, received ${written}`);
        }
        this.#entries.set(key, { id, shape, dtype: "f32", version: 1, running: 0 });
        this.version++;
      },
      discard: () => this.#host.native((engine) => engine.removeParameter(id)),
    };
  }

  /**
   * Id of a parameter.
   * @param layer the layer that reads it, for the error
   * @throws WeightsError when it is missing or has another shape or dtype
   */
  id(key: string, shape: readonly number[], dtype: DType = "f32", layer = ""): number {
    const entry = this.#entries.get(key);
    if (!entry) {
      const of = layer ? ` of layer ${layer}` : "";
      throw new WeightsError(
        `parameter ${key}${of} is missing: set its values, load weights that have it, or call initializeParameters`,
        { key, layer },
      );
    }
    if (entry.dtype !== dtype) {
      throw new WeightsError(`parameter ${key}: expected dtype ${dtype}, received ${entry.dtype}`, {
        key,
        expected: dtype,
        received: entry.dtype,
      });
    }
    if (entry.shape.join() !== shape.join()) {
      throw new WeightsError(
        `parameter ${key}: expected shape [${shape.join(", ")}], received [${entry.shape.join(", ")}]`,
        {
          key,
          expected: shape,
          received: entry.shape,
        },
      );
    }
    return entry.id;
  }

  /** Whether the store holds the parameter. */
  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /** The values of an f32 parameter, copied from the device. */
  get(key: string): Float32Array {
    const entry = this.#entries.get(key);
    if (!entry) throw new WeightsError(`parameter ${key} is missing`, { key });
    return new Float32Array(this.#host.native((engine) => engine.readParameter(entry.id)));
  }

  /** Records that a queued run gives these parameters new values. @internal */
  beginUpdate(keys: string[]): void {
    for (const key of keys) {
      const entry = this.#entries.get(key)!;
      entry.version++;
      entry.running++;
    }
    this.version++;
  }

  /** Records that the run has ended. @internal */
  endUpdate(keys: string[]): void {
    for (const key of keys) this.#entries.get(key)!.running--;
  }

  /** Versions of parameters. @internal */
  versions(keys: string[]): number[] {
    return keys.map((key) => this.#entries.get(key)?.version ?? 0);
  }

  /** Id of a derived form, and whether it must be made (again). @internal */
  derived(name: string, sources: string[], bytes: number): { id: number; stale: boolean } {
    const versions = this.versions(sources);
    let entry = this.#derived.get(name);
    if (!entry) {
      entry = { id: this.#host.nextParameterId(), sources, versions: [] };
      const { id } = entry;
      this.#host.native((engine) => engine.setParameter(id, bytes));
      this.#derived.set(name, entry);
    }
    return { id: entry.id, stale: entry.versions.length === 0 || versions.some((v, i) => v !== entry.versions[i]) };
  }

  /** Records the versions from which a derived form was made. @internal */
  made(name: string, versions: number[]): void {
    this.#derived.get(name)!.versions = versions;
  }

  /** Removes all parameters and derived forms. @internal */
  clear(): void {
    for (const { id } of [...this.#entries.values(), ...this.#derived.values()]) {
      this.#host.native((engine) => engine.removeParameter(id));
    }
    this.#entries.clear();
    this.#derived.clear();
    this.version++;
  }
}

/** The store's id of a parameter of a graph. @throws WeightsError, which names the layer, when the store does not hold it */
export const storedId = (store: ParameterStore, { node, shape, dtype }: Tensor): number =>
  store.id(node.attrs.key as string, shape, dtype, node.layer);
