import { InvalidArgumentError } from "../base/errors.js";
import { elements } from "../graph/tensor.js";
import { describeValue } from "../base/describe_value.js";
import { hashNormal, hashValues } from "./random_weights.js";

/**
 * The initial value of a parameter: one number for all elements, a normal distribution of a deviation around 0, a
 * uniform one in [-bound, bound], the values (row-major), or a function from the shape to the values.
 */
export type InitialValue =
  number | { normal: number } | { uniform: number } | Float32Array | ((shape: readonly number[]) => ArrayLike<number>);

/**
 * The deviation of matrices and kernels: a number, or `fan` for 1 / sqrt(inputs) (matrices) and sqrt(2 / inputs)
 * (kernels).
 */
export type Deviation = number | "fan";

/**
 * Initial values, which depend only on the seed, the key and the shape. Without `initial`, matrices and kernels are
 * normal, scales of normalisations and running variances are 1, other vectors 0.
 * @throws InvalidArgumentError for an initial value that does not fit the shape
 */
export function initialValues(
  key: string,
  shape: readonly number[],
  seed: number,
  initial?: InitialValue,
  deviation: Deviation = "fan",
): Float32Array {
  const size = elements(shape);
  const salt = `initial/${seed}/`;
  if (initial !== undefined) return given(key, shape, initial, salt);
  if (shape.length < 2) return new Float32Array(size).fill(/(weight|gamma|running_var)$/.test(key) ? 1 : 0);
  const inputs = elements(shape.slice(1));
  const spread = deviation === "fan" ? Math.sqrt((shape.length > 2 ? 2 : 1) / inputs) : deviation;
  return hashNormal(salt, key, size, spread);
}

function given(key: string, shape: readonly number[], initial: InitialValue, salt: string): Float32Array {
  const size = elements(shape);
  if (typeof initial === "number") return new Float32Array(size).fill(initial);
  if (typeof initial === "object" && "normal" in initial) return hashNormal(salt, key, size, initial.normal);
  if (typeof initial === "object" && "uniform" in initial) {
    return hashValues(salt, key, size).map((value) => value * initial.uniform);
  }
  const values = typeof initial === "function" ? initial(shape) : initial;
  if (values?.length === size) return Float32Array.from(values);
  const expected = `a number, { normal }, { uniform } or ${size} values [${shape.join(", ")}]`;
  throw new InvalidArgumentError(`parameter ${key}: init: expected ${expected}, received ${describeValue(values)}`, {
    key,
    argument: "init",
    expected,
    received: values,
  });
}
