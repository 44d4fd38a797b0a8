import { InvalidArgumentError } from "../../base/errors.js";
import type { ParameterStore } from "../../runtime/parameter_store.js";
import { elements } from "../../graph/tensor.js";
import { suggestion } from "../../base/suggest.js";
import type { ParameterShapes } from "../../weights/load_into.js";

/** The parameters of a model by key, including running statistics of BatchNorm. Values are row-major, f32. */
export class ModelParameters {
  readonly #store: ParameterStore;
  readonly #shapes: ParameterShapes;

  /** @internal */
  constructor(store: ParameterStore, shapes: ParameterShapes) {
    this.#store = store;
    this.#shapes = shapes;
  }

  /** Total number of values. */
  get count(): number {
    return [...this.#shapes.values()].reduce((sum, shape) => sum + elements(shape), 0);
  }

  has(key: string): boolean {
    return this.#shapes.has(key);
  }

  keys(): string[] {
    return [...this.#shapes.keys()];
  }

  /** @throws InvalidArgumentError for an unknown key */
  shape(key: string): readonly number[] {
    const shape = this.#shapes.get(key);
    if (shape) return shape;
    const message = `${key}: the model has no such parameter${suggestion(key, this.keys())}`;
    throw new InvalidArgumentError(message, { argument: "key", received: key });
  }

  /** The values, copied from the device. */
  get(key: string): Float32Array {
    this.shape(key);
    return this.#store.get(key);
  }

  /**
   * Sets the values of a parameter.
   * @throws InvalidArgumentError for another number of values; VideoClipError `ERR_BUSY` while a training step runs
   */
  set(key: string, values: ArrayLike<number>): void {
    const shape = this.shape(key);
    if (values?.length !== elements(shape)) {
      throw new InvalidArgumentError(
        `${key}: expected ${elements(shape)} values [${shape.join(", ")}], received ${values?.length ?? "none"}`,
        { argument: "values", expected: shape, received: values?.length },
      );
    }
    this.#store.set(key, shape, Float32Array.from(values));
  }

  /** Keys with shapes, in the order in which the net uses them. */
  *[Symbol.iterator](): IterableIterator<[key: string, shape: readonly number[]]> {
    yield* this.#shapes;
  }
}
