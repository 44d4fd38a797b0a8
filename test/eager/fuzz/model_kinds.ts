// Models of groups of ops: convolution, pooling, moving, reducing, and ops with one operand.
import * as definitions from "#lib/ops/index.js";
import { type Array64, elements } from "#lib/graph/tensor.js";
import type { Random } from "#lib/base/random.js";
import { array, below, chance, pick } from "./values.js";
import {
  must,
  isWhole,
  read,
  ANY,
  readOptional,
  optionsOf,
  given,
  boolean,
  word,
  triple,
  perAxis,
  padding,
  size,
  sizes,
  three,
  maybe,
  ACTIVATIONS,
  paddingOptions,
  type Options,
} from "./read_arguments.js";

export interface Model {
  /** Arguments of a valid call. */
  make(r: Random): unknown[];
  /** The results of an accepted call, in the order of `results`. */
  expect(args: never[]): Array64[];
  /** The names of several results. */
  results?: string[];
  /** A result is a sum of products: float32 rounds it relative to the sum of their magnitudes. */
  linear?: true;
  /** Masked values have weight 0, and 0 times a value that is not finite is NaN. */
  hides?: true;
}

export const conv3d: Model = {
  make: (r) => {
    const groups = pick(r, [1, 1, 1, 2, 3]);
    const [cin, cout, kernel] = [groups * size(r, 3), groups * size(r, 3), three(r, 1, 3)];
    const x = [below(r, 3), ...kernel.map((k) => k + below(r, 3)), cin];
    const o: Options = groups > 1 ? { groups } : {};
    paddingOptions(r, o, kernel, false);
    maybe(r, o, "stride", () => (chance(r, 0.2) ? size(r, 2) : three(r, 1, 2)));
    maybe(r, o, "activation", () => pick(r, ACTIVATIONS));
    maybe(r, o, "bias", () => array(r, "f32", [cout]));
    const turned = chance(r, 0.2);
    if (turned) o.weightLayout = "DHWIO";
    const weight = turned ? [...kernel, cin / groups, cout] : [cout, cin / groups, ...kernel];
    return [
      array(r, "f32", x),
      array(r, "f32", weight, () => r.uniform() - 0.5),
      ...(Object.keys(o).length > 0 ? [o] : []),
    ];
  },
  expect: ([first, second, third]) => {
    const [x, given5] = [read(first), read(second)];
    const o = optionsOf(third, "bias", "residual", "stride", "padding", "low", "high", "groups", "activation", "weightLayout"); // prettier-ignore
    must(x.shape.length === 5 && given5.shape.length === 5, "an operand has not five axes");
    const turned = word(given(o.weightLayout, "OIDHW"), ["OIDHW", "DHWIO"]) === "DHWIO";
    const weight = turned ? definitions.permute.reference([given5], { order: [4, 3, 0, 1, 2] })[0] : given5;
    const [outChannels, , ...taps] = weight.shape;
    const [kernel, stride] = [triple(taps, 1), triple(perAxis(given(o.stride, 1)), 1)];
    const groups = given<number>(o.groups, 1);
    must(isWhole(groups, 1), "groups are no number");
    const attrs = definitions.conv3dAttrs({
      outChannels,
      kernel,
      stride,
      groups,
      activation: word(given<unknown>(o.activation, "none"), ACTIVATIONS),
      ...padding(o, x.shape.slice(1, 4), kernel, stride),
    });
    return definitions.conv3d.reference([x, weight, readOptional(o.bias), readOptional(o.residual), null], attrs);
  },
};

export const pool = (max: boolean): Model => ({
  make: (r) => {
    const kernel = three(r, 1, 3);
    const o: Options = { kernel: new Set(kernel).size === 1 && chance(r, 0.5) ? kernel[0] : kernel };
    paddingOptions(r, o, kernel, true);
    maybe(r, o, "stride", () => three(r, 1, 3));
    maybe(r, o, "ceil", () => chance(r, 0.5));
    if (max) maybe(r, o, "padValue", () => pick(r, ["-inf", "zero"]));
    else maybe(r, o, "countIncludePad", () => chance(r, 0.5));
    if (max && o.padding === undefined) maybe(r, o, "padding", () => pick(r, ["-inf", "zero"]), 0.2);
    return [array(r, "f32", [below(r, 3), ...kernel.map((k) => k + below(r, 3)), size(r)]), o];
  },
  expect: ([first, second]) => {
    const x = read(first);
    const o = optionsOf(
      second,
      "kernel",
      "stride",
      "padding",
      "low",
      "high",
      "ceil",
      max ? "padValue" : "countIncludePad",
    );
    const kernel = triple(perAxis(o.kernel), 1);
    const stride = triple(perAxis(given(o.stride, kernel)), 1);
    const old = max && (o.padding === "-inf" || o.padding === "zero");
    const shared = {
      kernel,
      stride,
      ceil: boolean(o.ceil, false),
      ...padding(old ? { ...o, padding: undefined } : o, x.shape.slice(1, 4), kernel, stride),
    };
    if (!max) {
      const countIncludePad = boolean(o.countIncludePad, o.padding !== "same");
      return definitions.avgPool3d.reference([x], { ...shared, countIncludePad });
    }
    const value = word(given(o.padValue, old ? o.padding : "-inf"), ["-inf", "zero"] as const);
    return definitions.maxPool3d.reference([x], { ...shared, padding: value });
  },
});

/** An op of one operand and some options. */
export const simple = (
  shape: (r: Random) => number[],
  options: (r: Random) => Options,
  expect: (x: Array64, o: Options) => Array64[],
  ...names: string[]
): Model => ({
  make: (r) => [array(r, "f32", shape(r)), ...(chance(r, 0.8) || names.length > 0 ? [options(r)] : [])],
  expect: ([x, o]) => expect(read(x), optionsOf(o, ...names)),
});

export const anyShape = (r: Random) => sizes(r, below(r, 5));
export const rows = (r: Random) => [...sizes(r, below(r, 3)), below(r, 20) + 1];
/** Shapes of x: the axes between the first and the last are optional. */
export const inner = (r: Random) => sizes(r, 3 + below(r, 3));

/** An op that moves values of any dtype. */
export const moving = (
  shape: (r: Random) => number[],
  rest: (r: Random, shape: number[]) => unknown[],
  expect: (x: Array64, args: never[]) => Array64[],
): Model => ({
  make: (r) => {
    const kind = pick(r, ["f32", "f32", "u8", "i32"] as const);
    const x = shape(r);
    return [array(r, kind, x, () => below(r, 200)), ...rest(r, x)];
  },
  expect: ([x, ...args]) => expect(read(x, ...ANY), args),
});

export function list(value: unknown, length: number, min: number): number[] {
  must(Array.isArray(value) && value.length === length, "a list has not one number per axis");
  must(
    Array.from(value as number[]).every((n) => isWhole(n, min)),
    "a list is not of whole numbers",
  );
  return value as number[];
}

/** The result of reducing axes, by definition. */
function reduce(
  x: Array64,
  axes: unknown,
  o: Options,
  start: number,
  join: (a: number, b: number) => number,
): Array64[] {
  const all = x.shape.map((_, axis) => axis);
  const over = axes === undefined ? all : typeof axes === "number" ? [axes] : (axes as number[]);
  must(Array.isArray(over) && new Set(over).size === over.length, "an axis is given twice");
  must(
    Array.from(over).every((axis) => isWhole(axis, 0) && axis < all.length),
    "an axis is none",
  );
  const shape = boolean(o.keepDims, false)
    ? x.shape.map((n, axis) => (over.includes(axis) ? 1 : n))
    : x.shape.filter((_, axis) => !over.includes(axis));
  const data = new Float64Array(elements(shape)).fill(start);
  x.data.forEach((v, i) => {
    let [at, rest, step] = [0, i, 1];
    for (let axis = all.length - 1; axis >= 0; axis--) {
      if (!over.includes(axis)) {
        at += (rest % x.shape[axis]) * step;
        step *= x.shape[axis];
      }
      rest = Math.floor(rest / x.shape[axis]);
    }
    data[at] = join(data[at], v);
  });
  return [{ shape, data }];
}

export const reduction = (start: number, join: (a: number, b: number) => number): Model => ({
  make: (r) => {
    const shape = sizes(r, 1 + below(r, 4));
    const axes = shape.map((_, axis) => axis).filter(() => chance(r, 0.5));
    const o = chance(r, 0.3) ? { keepDims: chance(r, 0.5) } : undefined;
    return [array(r, "f32", shape), pick(r, [undefined, axes, below(r, shape.length)]), o];
  },
  expect: ([x, axes, o]) => reduce(read(x), axes, optionsOf(o, "keepDims"), start, join),
});

export const vector = (r: Random, C: number, shift = 0) => array(r, "f32", [C], () => r.uniform() + shift);
