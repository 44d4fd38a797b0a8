// Makes valid arguments for every public op, and models the result of a call whose arguments were accepted. A model
// reads its arguments simply, refuses arguments that the op should have refused, and computes with the op's float64
// reference.
import * as definitions from "#lib/ops/index.js";
import { array, below, chance, pick } from "./values.js";
import {
  type Model,
  conv3d,
  pool,
  simple,
  anyShape,
  rows,
  inner,
  moving,
  list,
  reduction,
  vector,
} from "./model_kinds.js";
import {
  type Any,
  must,
  isWhole,
  read,
  F32,
  U8,
  ANY,
  readOptional,
  optionsOf,
  given,
  boolean,
  finite,
  word,
  size,
  sizes,
  maybe,
  ACTIVATIONS,
  KINDS,
  type Options,
} from "./read_arguments.js";

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
    (r, shape) => [
      shape
        .map((_, axis) => ({ axis, at: r.uniform() }))
        .sort((a, b) => a.at - b.at)
        .map(({ axis }) => axis),
    ],
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
