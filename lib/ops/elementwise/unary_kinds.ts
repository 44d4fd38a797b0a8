// The functions of one number that `unary` and the activations of `linear` and `conv3d` offer, with their derivatives.
import { layout } from "../../graph/attribute_layout.js";

/** In the order of native/cpp/ops/elementwise/unary.h. */
export const unaryKinds = ["relu", "sigmoid", "tanh", "gelu", "gelu_tanh", "swish", "exp", "softplus"] as const;
export type UnaryKind = (typeof unaryKinds)[number];
/** The activations that an op may apply to its result. */
export const activations = ["none", ...unaryKinds] as const;

const sigmoid = (x: number) => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)));

/** erfc by its continued fraction (x > 2) or the series of erf: 15 digits, without cancellation in the tail. */
function erfc(x: number): number {
  if (x < 0) return 2 - erfc(-x);
  if (x < 2) {
    let sum = x;
    for (let n = 1, term = x; n < 60; n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * sum;
  }
  let f = 0;
  for (let n = 120; n > 0; n--) f = n / 2 / (x + f);
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + f);
}

export const unaryFunctions: Record<UnaryKind, (x: number) => number> = {
  relu: (x) => Math.max(0, x),
  sigmoid,
  tanh: Math.tanh,
  gelu: (x) => 0.5 * x * erfc(-x * Math.SQRT1_2),
  gelu_tanh: (x) => x * sigmoid(2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)),
  swish: (x) => x * sigmoid(x),
  exp: Math.exp,
  softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
};

const normalDensity = (x: number) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
const TANH_SCALE = 2 * Math.sqrt(2 / Math.PI);

/** f'(x). */
export const unaryDerivatives: Record<UnaryKind, (x: number) => number> = {
  relu: (x) => (x > 0 ? 1 : 0),
  sigmoid: (x) => sigmoid(x) * sigmoid(-x),
  tanh: (x) => 4 * sigmoid(2 * x) * sigmoid(-2 * x),
  gelu: (x) => 0.5 * erfc(-x * Math.SQRT1_2) + x * normalDensity(x),
  gelu_tanh: (x) => {
    const u = TANH_SCALE * (x + 0.044715 * x ** 3);
    const slope = TANH_SCALE * (1 + 3 * 0.044715 * x * x);
    return sigmoid(u) + x * sigmoid(u) * sigmoid(-u) * slope;
  },
  swish: (x) => sigmoid(x) + x * sigmoid(x) * sigmoid(-x),
  exp: Math.exp,
  softplus: sigmoid,
};

/** The number of a function in an instruction: its place in {@link unaryKinds}, -1 for none. */
export const activationNumber = (kind: "none" | UnaryKind): number => (kind === "none" ? -1 : unaryKinds.indexOf(kind));

export const unaryLayout = layout({ kind: "int" }, ({ kind }: { kind: UnaryKind }) => ({
  kind: activationNumber(kind),
}));
