import { layout } from "../../graph/attribute_layout.js";
import { philox } from "../../base/random.js";
import { checkOperand } from "../../graph/operands.js";
import { integer, type Rule } from "../../graph/rules.js";
import { type Array64, defineOp, type OpDefinition, type TensorType } from "../../graph/tensor.js";
import { applyOp } from "../../graph/trace.js";

export interface DropoutAttrs {
  /** Probability that an element becomes 0; the others are divided by 1 - rate. */
  rate: number;
  /** Number of the random stream, a different one for each dropout of the network. */
  stream: number;
}

const probability: Rule = {
  expected: "a number of at least 0 and below 1",
  accepts: (value) => typeof value === "number" && value >= 0 && value < 1,
};

function shape([x, key]: (TensorType | null)[]): TensorType[] {
  checkOperand("dropout", "key", key, [2], ["i32"], "seed and step");
  return [checkOperand("dropout", "x", x, ["..."])];
}

/** An element is dropped when its 32 random bits are below this. */
const threshold = (rate: number) => Math.round(rate * 2 ** 32);

function reference([x, key]: (Array64 | null)[], { rate, stream }: DropoutAttrs): Array64[] {
  const [seed, step] = Array.from(key!.data, (v) => v >>> 0);
  const data = new Float64Array(x!.data.length);
  for (let first = 0; first < data.length; first += 4) {
    const block = first / 4;
    const draws = philox([block >>> 0, Math.floor(block / 2 ** 32), step, 0], [seed, stream >>> 0]);
    for (let i = first; i < Math.min(first + 4, data.length); i++) {
      data[i] = draws[i - first] < threshold(rate) ? 0 : x!.data[i] / (1 - rate);
    }
  }
  return [{ shape: x!.shape, data }];
}

/**
 * Dropout (Srivastava et al. 2014): x `[...]` and the key i32 `[2]` (seed, step) to y like x. Element i uses draw i of
 * `Random(seed, stream, step)` (Philox 4x32-10), so a resumed run drops the same elements. The gradient is the op
 * itself.
 */
export const dropout: OpDefinition<DropoutAttrs> = defineOp<DropoutAttrs>({
  name: "dropout",
  operands: [{ name: "x" }, { name: "key" }],
  attributes: { rate: probability, stream: integer(0, 2 ** 32 - 1) },
  shape,
  layout: layout({ threshold: "int", scale: "float", stream: "int" }, ({ rate, stream }) => ({
    threshold: threshold(rate),
    scale: 1 / (1 - rate),
    stream,
  })),
  reference,
  gradient: ({ inputs: [, key], attrs, outGrads: [dy] }) => [applyOp(dropout, [dy, key], attrs)[0], null],
  notInOnnx: "a part of training: exported graphs are of inference",
});
