import type { Tensor } from "../graph/tensor.js";
import { parameter as traced, withKeyPrefix } from "../graph/trace.js";
import { layer, options, wrong } from "./check.js";
import type { InitialValue } from "./initial.js";

export { frozen } from "../graph/trace.js";

/** Initial values that a net defines, by the parameter's tensor. */
const initials = new WeakMap<Tensor, InitialValue>();

/** The initial value that a net defines for a parameter, if it does. @internal */
export const initialOf = (parameter: Tensor): InitialValue | undefined => initials.get(parameter);

export interface ParameterOptions {
  /**
   * Initial value. Default: matrices and kernels are normal with a deviation of 1 / sqrt(inputs) (kernels: sqrt(2 /
   * inputs)), vectors whose key ends in `weight` are 1, other vectors 0.
   */
  init?: InitialValue | undefined;
}

/**
 * A trained f32 tensor. The same key gives the same tensor.
 * @param key name in weight files, such as `positions`; inside {@link scope} the scope's name precedes it
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

/** Records the initial value of a parameter; the first record wins. */
export function withInitial(tensor: Tensor, init: InitialValue | undefined): Tensor {
  if (init !== undefined && !initials.has(tensor)) initials.set(tensor, init);
  return tensor;
}

/**
 * Groups the layers inside `body`: their names, and the keys of their parameters, begin with `name.`. The trainer's
 * `checkpointing` recomputes numbered blocks (`block.0`, `block.1`).
 */
export const scope = <T>(name: string, body: () => T): T => layer("scope", name, () => withKeyPrefix(name, body));
