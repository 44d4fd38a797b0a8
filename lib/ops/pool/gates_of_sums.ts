import { layout } from "../../graph/attribute_layout.js";
import { checkOperand, misfit } from "../../graph/operands.js";
import { type Array64, defineOp, type TensorType } from "../../graph/tensor.js";
import { activationNumber, type UnaryKind, unaryFunctions } from "../elementwise/unary_kinds.js";
import { storageType } from "../storage.js";

/** `kMaxGates` in native/cpp/ops/pool/gates_of_sums.h: the gates of one block of an Inception network. */
export const MAX_GATES = 4;
/** `kMaxChannels` there: the means of a gate are in shared memory. */
export const MAX_GATE_CHANNELS = 2048;

export interface GatesOfSumsAttrs {
  /** The first channel of each gate's sums. */
  first: readonly number[];
  /** Divisor of the sums. */
  positions: number;
  activation: "none" | UnaryKind;
}

type Gate<T> = { sums: T; weight: T; bias: T | null };

const gatesOf = <T>(inputs: readonly (T | null)[]): Gate<T>[] =>
  Array.from({ length: Math.floor(inputs.length / 3) }, (_, i) => {
    const [sums, weight, bias] = inputs.slice(3 * i, 3 * i + 3);
    return { sums: sums as T, weight: weight as T, bias: bias ?? null };
  });

function shape(inputs: (TensorType | null)[], a: GatesOfSumsAttrs): TensorType[] {
  const gates = gatesOf(inputs);
  if (gates.length === 0 || gates.length > MAX_GATES || gates.length * 3 !== inputs.length) {
    throw misfit("gates_of_sums", "gates", `1 to ${MAX_GATES} of sums, weight and bias`, inputs.length);
  }
  if (a.first.length !== gates.length) throw misfit("gates_of_sums", "first", `${gates.length} channels`, a.first);
  const N = gates[0].sums?.shape[0] ?? 0;
  let channels = 0;
  gates.forEach(({ sums, weight, bias }, i) => {
    const { shape: size } = checkOperand("gates_of_sums", "sums", sums, [N, "parts", "channels"], ["f32"]);
    const [out, width] = checkOperand("gates_of_sums", "weight", weight, ["out", "in"]).shape;
    if (bias) checkOperand("gates_of_sums", "bias", bias, [out], ["f32"]);
    if (a.first[i] < 0 || a.first[i] + width > size[2]) {
      throw misfit("gates_of_sums", "first", `at most ${size[2] - width}`, a.first[i]);
    }
    if (Math.max(out, width) > MAX_GATE_CHANNELS) {
      throw misfit("gates_of_sums", "weight", `at most ${MAX_GATE_CHANNELS} channels`, Math.max(out, width));
    }
    channels += out;
  });
  return [{ shape: [N, channels], dtype: storageType("gates_of_sums", ...gates.map(({ weight }) => weight)) }];
}

function reference(inputs: (Array64 | null)[], a: GatesOfSumsAttrs): Array64[] {
  const gates = gatesOf(inputs);
  const N = gates[0].sums.shape[0];
  const f = a.activation === "none" ? (v: number) => v : unaryFunctions[a.activation];
  const total = gates.reduce((sum, { weight }) => sum + weight.shape[0], 0);
  const data = new Float64Array(N * total);
  for (let n = 0; n < N; n++) {
    let at = n * total;
    gates.forEach(({ sums, weight, bias }, g) => {
      const [, parts, channels] = sums.shape;
      const [out, width] = weight.shape;
      const means = Float64Array.from({ length: width }, (_, c) => {
        let sum = 0;
        for (let p = 0; p < parts; p++) sum += sums.data[(n * parts + p) * channels + a.first[g] + c];
        return sum / a.positions;
      });
      for (let o = 0; o < out; o++) {
        const product = means.reduce((sum, mean, c) => sum + mean * weight.data[o * width + c], bias?.data[o] ?? 0);
        data[at++] = f(product);
      }
    });
  }
  return [{ shape: [N, total], data }];
}

/**
 * The self-gates of up to four branches from the sums of their convolutions: y = the joined activation(Wᵢ meanᵢ + bᵢ),
 * where meanᵢ `[N, in]` is `mean_of_sums` of the gate's sums `[N, parts, C]`. Weights are `[out, in]`, biases `[out]`
 * in f32, y is `[N, sum of out]` in the type of the weights.
 */
export const gatesOfSums = defineOp<GatesOfSumsAttrs>({
  name: "gates_of_sums",
  operands: [],
  repeated: [{ name: "sums", f32: true, batched: true }, { name: "weight" }, { name: "bias", f32: true }],
  shape,
  layout: layout({ positions: "int", activation: "int", first: "int[]" }, ({ positions, activation, first }) => ({
    positions,
    activation: activationNumber(activation),
    first,
  })),
  reference,
  multiplyAdds: (inputs, [y]) =>
    gatesOf(inputs).reduce((sum, { weight }) => sum + y.shape[0] * weight.shape[0] * weight.shape[1], 0),
  notInOnnx: "compile() makes it from a global_mean and linear layers",
  notDifferentiable: "compile() makes it from a global_mean and linear layers",
});
