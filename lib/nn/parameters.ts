import type { Tensor } from "../graph/tensor.js";
import { parameter as traced, withKeyPrefix } from "../graph/trace.js";
import { layer, options, wrong } from "./check.js";
import type { InitialValue } from "./initial.js";

export { frozen } from "../graph/trace.js";

/** Initial values that a net asks for, by the parameter's tensor. */
const initials = new WeakMap<Tensor, InitialValue>();

/** The initial value that a net asks for, where it does. @internal */
export const initialOf = (parameter: Tensor): InitialValue | undefined => initials.get(parameter);

export interface ParameterOptions {
  /**
   * What it begins with. Default: matrices and kernels are normal with a deviation of 1 / sqrt(inputs) (kernels:
   * sqrt(2 / inputs)), vectors whose key ends in `weight` are 1, other vectors 0.
   */
  init?: InitialValue | undefined;
}

/**
 * A trained tensor of one's own, f32. The same key is the same tensor.
 * @param key its name in files of weights, such as `positions`; inside {@link scope} the scope's name comes before it
 * @throws ShapeError when the key was used with another shape before
 */
export function parameter(key: string, shape: readonly number[], given?: ParameterOptions): Tensor {
  const { init } = options("parameter", given, ["init"]);
  return layer("parameter", key, (name) => {
    if (!Array.isArray(shape) || !shape.every((n) => Number.isSafeInteger(n) && n > 0)) {
      throw wrong(name, "shape", "positive whole sizes, such as [16, 64]", shape);
    }
    return withInitial(traced(key, shape), init);
  });
}

/** Notes what a parameter begins with; the first note counts. */
export function withInitial(tensor: Tensor, init: InitialValue | undefined): Tensor {
  if (init !== undefined && !initials.has(tensor)) initials.set(tensor, init);
  return tensor;
}

/**
 * Layers inside `body` belong together: their names, and the keys of their parameters, begin with `name.`. Blocks that are
 * numbered (`block.0`, `block.1`) are what the trainer's `checkpointing` computes again.
 */
export const scope = <T>(name: string, body: () => T): T => layer("scope", name, () => withKeyPrefix(name, body));
