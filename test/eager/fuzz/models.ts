// For every public op: how valid arguments are made, and a model of what a call with accepted arguments must give. A model
// reads its arguments plainly, refuses what the op should have refused, and computes with the op's float64 reference.
import * as definitions from "../../../dist/ops/index.js";
import { type Array64, elements } from "../../../dist/graph/tensor.js";
import type { Random } from "../../../dist/base/random.js";
import { array, below, chance, pick, written } from "./values.js";

export interface Model {
  /** Arguments of a valid call. */
  make(r: Random): unknown[];
  /** The results of an accepted call, in the order of `results`. */
  expect(args: never[]): Array64[];
  /** The names of several results. */
  results?: string[];
  /** A result is a sum of products: float32 rounds it relative to the sum of their magnitudes. */
  linear?: true;
  /** Values that are hidden have weight 0, and 0 times a value that is not finite is NaN. */
  hides?: true;
}

type Options = Record<string, unknown>;
type Any = { data: Float32Array; shape?: number[]; dims?: number[]; dtype?: string };

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`accepted, though ${what}`);
}

const isWhole = (v: unknown, min: number): v is number => Number.isInteger(v) && (v as number) >= min;
const isTriple = (v: unknown, min: number) =>
  Array.isArray(v) && v.length === 3 && Array.from(v).every((n) => isWhole(n, min));

/** The value of an operand. */
function read(x: Any, ...kinds: string[]): Array64 {
  const shape = Array.from(x.shape ?? x.dims!);
  must(
    shape.every((n) => isWhole(n, 0)),
    "a size is none",
  );
  const kind = Object.prototype.toString.call(x.data).slice(8, -1);
  must((kinds.length > 0 ? kinds : ["Float32Array"]).includes(kind), `its values are a ${kind}`);
  must(x.data.length === elements(shape), "the shape does not fit the values");
  return { shape: shape.map((n) => n + 0), data: written.get(x.data) ?? Float64Array.from(x.data) };
}

const F32 = ["Float32Array"];
const U8 = ["Uint8Array", "Uint8ClampedArray"];
const ANY = [...F32, ...U8, "Int32Array", "Uint16Array"];
const readOptional = (x: unknown, ...kinds: string[]) =>
  x === undefined || x === null ? null : read(x as Any, ...kinds);

/** The options, of known names alone. */
function optionsOf(o: Options | undefined, ...names: string[]): Options {
  for (const name of Object.keys(o ?? {})) must([...names, "signal", "out"].includes(name), `${name} is no option`);
  return o ?? {};
}

const given = <T>(value: unknown, otherwise: T): T => (value === undefined ? otherwise : (value as T));
function boolean(value: unknown, otherwise: boolean): boolean {
  const v = given<unknown>(value, otherwise);
  must(typeof v === "boolean", `${String(v)} is no boolean`);
  return v as boolean;
}
function finite(value: unknown, min = -Infinity): number {
  must(Number.isFinite(Math.fround(value as number)) && (value as number) >= min, "a number is none");
  return value as number;
}
function word<T extends string>(value: unknown, words: readonly T[]): T {
  must(typeof value === "string" && words.includes(value as T), "a word is none of those that there are");
  return value as T;
}
function triple(value: unknown, min: number): definitions.Triple {
  must(isTriple(value, min), "a triple is none");
  return value as definitions.Triple;
}
const perAxis = (value: unknown) => (typeof value === "number" ? [value, value, value] : value);

/** Low and high padding, straight from TensorFlow's description. */
function padding(o: Options, size: number[], kernel: definitions.Triple, stride: definitions.Triple) {
  const { padding: p, low, high } = o;
  must(p === undefined || (low === undefined && high === undefined), "there is padding twice");
  if (p === undefined) {
    const start = triple(given(low, [0, 0, 0]), 0);
    return { low: start, high: triple(given(high, start), 0) };
  }
  if (p === "same") {
    const pairs = size.map((n, i) => {
      const out = Math.ceil(n / stride[i]);
      const total = Math.max(0, (out - 1) * stride[i] + kernel[i] - n);
      return [Math.floor(total / 2), Math.ceil(total / 2)];
    });
    return { low: triple(pairs.map(([a]) => a), 0), high: triple(pairs.map(([, b]) => b), 0) }; // prettier-ignore
  }
  const each = p === "valid" ? 0 : p;
  const both = triple(Array.isArray(each) ? each : [each, each, each], 0);
  return { low: both, high: both };
}

const size = (r: Random, most = 5) => 1 + below(r, most);
const sizes = (r: Random, rank: number, most?: number) => Array.from({ length: rank }, () => size(r, most));
const three = (r: Random, low: number, n: number) => [low + below(r, n), low + below(r, n), low + below(r, n)];
/** An option now and then. */
const maybe = (r: Random, options: Options, name: string, value: () => unknown, probability = 0.4) => {
  if (chance(r, probability)) options[name] = value();
};
const ACTIVATIONS: readonly ("none" | definitions.UnaryKind)[] = ["none", ...definitions.unaryKinds];
const KINDS: readonly definitions.UnaryKind[] = definitions.unaryKinds;

function paddingOptions(r: Random, o: Options, kernel: number[], pool: boolean): void {
  const most = (i: number) => (pool ? kernel[i] : 3);
  const some = () => kernel.map((_, i) => below(r, most(i)));
  switch (below(r, 5)) {
    case 0:
      o.padding = pick(r, ["same", "valid"]);
      break;
    case 1:
      o.padding = chance(r, 0.5) ? below(r, Math.min(...kernel.map((_, i) => most(i)))) : some();
      break;
    case 2:
      o.low = some();
      maybe(r, o, "high", some);
      break;
    default:
  }
}

const conv3d: Model = {
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

const pool = (max: boolean): Model => ({
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
const simple = (
  shape: (r: Random) => number[],
  options: (r: Random) => Options,
  expect: (x: Array64, o: Options) => Array64[],
  ...names: string[]
): Model => ({
  make: (r) => [array(r, "f32", shape(r)), ...(chance(r, 0.8) || names.length > 0 ? [options(r)] : [])],
  expect: ([x, o]) => expect(read(x), optionsOf(o, ...names)),
});

const anyShape = (r: Random) => sizes(r, below(r, 5));
const rows = (r: Random) => [...sizes(r, below(r, 3)), below(r, 20) + 1];
/** x without axes but the first and last. */
const inner = (r: Random) => sizes(r, 3 + below(r, 3));

/** An op that moves values of any dtype. */
const moving = (
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

function list(value: unknown, length: number, min: number): number[] {
  must(Array.isArray(value) && value.length === length, "a list has not one number per axis");
  must(
    Array.from(value as number[]).every((n) => isWhole(n, min)),
    "a list is not of whole numbers",
  );
  return value as number[];
}

/** What is left when axes are reduced, by the definition. */
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

const reduction = (start: number, join: (a: number, b: number) => number): Model => ({
  make: (r) => {
    const shape = sizes(r, 1 + below(r, 4));
    const axes = shape.map((_, axis) => axis).filter(() => chance(r, 0.5));
    const o = chance(r, 0.3) ? { keepDims: chance(r, 0.5) } : undefined;
    return [array(r, "f32", shape), pick(r, [undefined, axes, below(r, shape.length)]), o];
  },
  expect: ([x, axes, o]) => reduce(read(x), axes, optionsOf(o, "keepDims"), start, join),
});

const vector = (r: Random, C: number, shift = 0) => array(r, "f32", [C], () => r.uniform() + shift);

export const models: Record<string, Model> = {
  conv3d: { ...conv3d, linear: true },
  maxPool3d: pool(true),
  avgPool3d: { ...pool(false), linear: true },
  globalMean: { ...simple(inner, () => ({}), (x) => definitions.globalMean.reference([x], {})), linear: true }, // prettier-ignore
  softmax: simple(
    rows,
    (r) => ({ log: chance(r, 0.5) }),
    (x, o) => definitions.softmax.reference([x], { log: boolean(o.log, false) }),
    "log",
  ),
  l2Normalize: simple(
    rows,
    (r) => ({ eps: pick(r, [1e-12, 1, 0]) }),
    (x, o) => definitions.l2Normalize.reference([x], { eps: finite(given(o.eps, 1e-12), 0) }),
    "eps",
  ),
  reduceSum: { ...reduction(0, (a, b) => a + b), linear: true },
  reduceMax: reduction(-Infinity, Math.max),
  unary: {
    make: (r) => [array(r, "f32", anyShape(r)), pick(r, KINDS)],
    expect: ([x, kind, o]) => {
      optionsOf(o);
      return definitions.unary.reference([read(x)], { kind: word(kind, KINDS) });
    },
  },
  binary: {
    make: (r) => {
      const shape = anyShape(r);
      const other = shape.slice(below(r, shape.length + 1)).map((n) => (chance(r, 0.3) ? 1 : n));
      const pair = [array(r, "f32", shape), array(r, "f32", other)];
      return [...(chance(r, 0.5) ? pair : pair.reverse()), pick(r, definitions.binaryKinds)];
    },
    expect: ([a, b, kind, o]) => {
      optionsOf(o);
      return definitions.binary.reference([read(a), read(b)], { kind: word(kind, definitions.binaryKinds) });
    },
  },
  scaleChannels: {
    make: (r) => {
      const shape = sizes(r, 2 + below(r, 3));
      return [array(r, "f32", shape), array(r, "f32", [shape[0], shape.at(-1)!])];
    },
    expect: ([x, g, o]) => {
      optionsOf(o);
      return definitions.scaleChannels.reference([read(x), read(g)], {});
    },
  },
  selfGate: {
    make: (r) => {
      const shape = inner(r);
      const C = shape.at(-1)!;
      return [array(r, "f32", shape), array(r, "f32", [C, C]), array(r, "f32", [C])];
    },
    expect: ([x, weight, bias, o]) => {
      optionsOf(o);
      const [mean] = definitions.globalMean.reference([read(x)], {});
      const attrs = { outFeatures: mean.shape[1], activation: "sigmoid" } as const;
      const [gate] = definitions.linear.reference([mean, read(weight), read(bias), null, null], attrs);
      return definitions.scaleChannels.reference([read(x), gate], {});
    },
  },
  linear: {
    linear: true,
    make: (r) => {
      const [x, out] = [[...sizes(r, below(r, 3)), size(r, 9)], size(r, 9)];
      const o: Options = {};
      maybe(r, o, "bias", () => array(r, "f32", [out]));
      maybe(r, o, "activation", () => pick(r, ACTIVATIONS));
      return [array(r, "f32", x), array(r, "f32", [out, x.at(-1)!]), o];
    },
    expect: ([x, weight, options]) => {
      const o = optionsOf(options, "bias", "activation");
      const attrs = {
        outFeatures: read(weight).shape[0],
        activation: word(given<unknown>(o.activation, "none"), ACTIVATIONS),
      };
      return definitions.linear.reference([read(x), read(weight), readOptional(o.bias), null, null], attrs);
    },
  },
  matmul: {
    linear: true,
    make: (r) => {
      const [batch, [M, K, N]] = [sizes(r, below(r, 3), 3), sizes(r, 3, 7)];
      const o = { transposeA: chance(r, 0.3), transposeB: chance(r, 0.3) };
      const b = chance(r, 0.3) ? [] : batch;
      return [
        array(r, "f32", [...batch, ...(o.transposeA ? [K, M] : [M, K])]),
        array(r, "f32", [...b, ...(o.transposeB ? [N, K] : [K, N])]),
        ...(o.transposeA || o.transposeB || chance(r, 0.5) ? [o] : []),
      ];
    },
    expect: ([a, b, options]) => {
      const o = optionsOf(options, "transposeA", "transposeB");
      const attrs = { transposeA: boolean(o.transposeA, false), transposeB: boolean(o.transposeB, false) };
      return definitions.matmul.reference([read(a), read(b)], attrs);
    },
  },
  embedding: {
    make: (r) => {
      const count = size(r, 9);
      return [array(r, "i32", anyShape(r), () => below(r, count)), array(r, "f32", [count, size(r)])];
    },
    expect: ([ids, weight, o]) => {
      optionsOf(o);
      const [list32, table] = [read(ids, "Int32Array"), read(weight)];
      must(
        list32.data.every((id) => id >= 0 && id < table.shape[0]),
        "an id lies outside the table",
      );
      return definitions.embedding.reference([list32, table], {});
    },
  },
  topK: {
    results: ["values", "indices"],
    make: (r) => {
      const [D, exact] = [size(r), () => below(r, 9) - 4];
      const o: Options = { k: size(r, 8) };
      maybe(r, o, "base", () => below(r, 100));
      return [array(r, "f32", [below(r, 4), D], exact), array(r, "f32", [below(r, 8), D], exact), o];
    },
    expect: ([queries, table, options]) => {
      const o = optionsOf(options, "k", "base");
      const attrs = { k: o.k as number, base: given(o.base, 0) };
      must(isWhole(attrs.k, 1) && isWhole(attrs.base, 0), "k or base is none");
      return definitions.topK.reference([read(queries), read(table)], attrs);
    },
  },
  batchNorm: {
    make: (r) => {
      const shape = rows(r);
      const C = shape.at(-1)!;
      const p = { weight: vector(r, C), bias: vector(r, C), mean: vector(r, C), variance: vector(r, C, 0.1) };
      const o: Options = { eps: pick(r, [1e-3, 1e-5]) };
      maybe(r, o, "relu", () => chance(r, 0.5));
      return [array(r, "f32", shape), p, o];
    },
    expect: ([x, parameters, options]) => {
      const o = optionsOf(options, "eps", "relu");
      const names = ["weight", "bias", "mean", "variance"];
      for (const name of Object.keys(parameters)) must(names.includes(name), `${name} is no parameter`);
      const vectors = names.map((name) => read((parameters as Record<string, Any>)[name]));
      const attrs = { eps: finite(o.eps, 0), relu: boolean(o.relu, false) };
      return definitions.batchNorm.reference([read(x), ...vectors], attrs);
    },
  },
  layerNorm: {
    make: (r) => {
      const shape = rows(r);
      const o: Options = { eps: pick(r, [1e-3, 1e-5]) };
      maybe(r, o, "weight", () => vector(r, shape.at(-1)!));
      maybe(r, o, "bias", () => vector(r, shape.at(-1)!));
      maybe(r, o, "residual", () => array(r, "f32", shape));
      return [array(r, "f32", shape), o];
    },
    expect: ([x, options]) => {
      const o = optionsOf(options, "eps", "weight", "bias", "residual");
      const others = [o.weight, o.bias, o.residual].map((v) => readOptional(v));
      return definitions.layerNorm.reference([read(x), ...others], { eps: finite(o.eps, 0) });
    },
  },
  attention: {
    hides: true,
    make: (r) => {
      const heads = size(r, 3);
      const [N, Sq, Sk, C] = [below(r, 3), size(r), size(r), heads * size(r)];
      const o: Options = { heads };
      maybe(r, o, "mask", () => array(r, pick(r, ["u8", "f32"]), [N, Sk], () => below(r, 2)));
      maybe(r, o, "scale", () => r.uniform());
      maybe(r, o, "causal", () => chance(r, 0.5));
      return [array(r, "f32", [N, Sq, C]), array(r, "f32", [N, Sk, C]), array(r, "f32", [N, Sk, C]), o];
    },
    expect: ([first, k, v, options]) => {
      const o = optionsOf(options, "heads", "mask", "scale", "causal");
      const q = read(first);
      const heads = o.heads as number;
      must(isWhole(heads, 1) && q.shape[2] % heads === 0, "the heads do not divide the channels");
      const scale = finite(given(o.scale, 1 / Math.sqrt(Math.max(1, q.shape[2]) / heads)));
      const mask = readOptional(o.mask, ...F32, ...U8);
      return definitions.attention.reference([q, read(k), read(v), mask], { heads, scale, causal: boolean(o.causal, false) }); // prettier-ignore
    },
  },
  contrastiveLoss: {
    results: ["loss", "rows", "columns"],
    make: (r) => {
      const shape = sizes(r, 2, 7);
      const o: Options = {};
      maybe(r, o, "scale", () => r.uniform() * 3);
      maybe(r, o, "reduction", () => pick(r, ["sum", "mean"]));
      maybe(r, o, "group", () => array(r, "i32", [shape[0]], () => below(r, 3)));
      return [array(r, "f32", shape), array(r, "f32", shape), o];
    },
    expect: ([a, b, options]) => {
      const o = optionsOf(options, "scale", "reduction", "group");
      const attrs = { scale: finite(given(o.scale, 1)), reduction: word(given(o.reduction, "sum"), ["sum", "mean"]) };
      const group = readOptional(o.group, "Int32Array");
      return definitions.contrastiveLoss.reference([read(a), read(b), group], attrs).slice(0, 3);
    },
  },
  crossEntropy: {
    results: ["loss", "logSumExp"],
    make: (r) => {
      const [lines, C] = [sizes(r, below(r, 3), 4), size(r, 9)];
      const o: Options = {};
      maybe(r, o, "weight", () => vector(r, C, 0.1));
      maybe(r, o, "ignoreIndex", () => below(r, C + 2) - 1);
      maybe(r, o, "smoothing", () => r.uniform());
      return [array(r, "f32", [...lines, C]), array(r, "i32", lines, () => below(r, C)), o];
    },
    expect: ([first, second, options]) => {
      const o = optionsOf(options, "weight", "ignoreIndex", "smoothing");
      const [x, target] = [read(first), read(second, "Int32Array")];
      const [ignoreIndex, smoothing] = [given<number>(o.ignoreIndex, -100), finite(given(o.smoothing, 0), 0)];
      must(Number.isInteger(ignoreIndex) && smoothing <= 1, "a number is out of its range");
      must(
        target.data.every((t) => t === ignoreIndex || (t >= 0 && t < x.shape.at(-1)!)),
        "a target is no class",
      );
      return definitions.crossEntropy.reference([x, target, readOptional(o.weight)], { ignoreIndex, smoothing });
    },
  },
  concat: {
    make: (r) => {
      const shape = sizes(r, 1 + below(r, 3));
      const axis = below(r, shape.length);
      const kind = pick(r, ["f32", "u8", "i32"] as const);
      const parts = Array.from({ length: size(r, 3) }, () => shape.map((n, i) => (i === axis ? below(r, 4) : n)));
      return [parts.map((part) => array(r, kind, part, () => below(r, 200))), axis];
    },
    expect: ([parts, axis, o]) => {
      optionsOf(o);
      const values = Array.from(parts as Any[], (x) => read(x, ...ANY));
      must(isWhole(axis, 0) && (axis as number) < values[0].shape.length, "the axis is none");
      return definitions.concat.reference(values, { axis });
    },
  },
  slice: moving(
    anyShape,
    (r, shape) => {
      const start = shape.map((n) => below(r, n + 1));
      return [start, shape.map((n, i) => below(r, n - start[i] + 1))];
    },
    (x, [start, block, o]) => {
      optionsOf(o);
      const attrs = { start: list(start, x.shape.length, 0), size: list(block, x.shape.length, 0) };
      must(
        attrs.start.every((n, i) => n + attrs.size[i] <= x.shape[i]),
        "the block is not inside",
      );
      return definitions.slice.reference([x], attrs);
    },
  ),
  pad: moving(
    anyShape,
    (r, shape) => [shape.map(() => below(r, 3)), ...(chance(r, 0.5) ? [shape.map(() => below(r, 3))] : [])],
    (x, [low, high, o]) => {
      optionsOf(o);
      const start = list(low, x.shape.length, 0);
      return definitions.pad.reference([x], { low: start, high: list(given(high, start), x.shape.length, 0) });
    },
  ),
  permute: moving(
    anyShape,
    (r, shape) => [shape.map((_, axis) => ({ axis, at: r.uniform() })).sort((a, b) => a.at - b.at).map(({ axis }) => axis)], // prettier-ignore
    (x, [order, o]) => {
      optionsOf(o);
      const axes = list(order, x.shape.length, 0);
      must(new Set(axes).size === axes.length && Math.max(-1, ...axes) < x.shape.length, "the order is none");
      return definitions.permute.reference([x], { order: axes });
    },
  ),
  spaceToDepth: moving(
    (r) => [below(r, 3), 2 * size(r, 2), 2 * size(r, 2), 2 * size(r, 2), size(r)],
    () => [],
    (x, [o]) => {
      optionsOf(o);
      return definitions.spaceToDepth.reference([x], {});
    },
  ),
  preprocess: {
    make: (r) => {
      const [T, H, W] = [2 * size(r, 2), 2 * size(r, 3), 2 * size(r, 3)];
      const cells = chance(r, 0.5);
      const step = cells ? 2 : 1;
      const [height, width] = [step * size(r, H / step), step * size(r, W / step)];
      const crop = { top: below(r, H - height + 1), left: below(r, W - width + 1), height, width };
      const colours = () => [0.1 + r.uniform(), 0.1 + r.uniform(), 0.1 + r.uniform()];
      const attrs = { ...crop, mean: colours(), std: colours(), spaceToDepth: cells };
      return [array(r, "u8", [below(r, 3), T, H, W, 3], () => below(r, 256)), attrs];
    },
    expect: ([x, given8, o]) => {
      optionsOf(o);
      const a = given8 as definitions.PreprocessAttrs;
      const names = ["top", "left", "height", "width", "mean", "std", "spaceToDepth", "dtype"];
      for (const name of Object.keys(a)) must(names.includes(name), `${name} is no attribute`);
      const frames = read(x, ...U8);
      const [, , H, W] = frames.shape;
      must(isWhole(a.top, 0) && isWhole(a.left, 0) && isWhole(a.height, 1) && isWhole(a.width, 1), "a size is none");
      must(a.top + a.height <= H && a.left + a.width <= W, "the crop is not inside");
      for (const v of [...list3(a.mean), ...list3(a.std)]) finite(v);
      boolean(a.spaceToDepth, undefined as never);
      return definitions.preprocess.reference([frames], a);
    },
  },
};

function list3(value: unknown): number[] {
  must(Array.isArray(value) && value.length === 3, "a colour is not of three numbers");
  return value as number[];
}
