import { layout } from "../../graph/attribute_layout.js";
import { checkOperand, misfit } from "../../graph/operands.js";
import { integer } from "../../graph/rules.js";
import { defineOp, elements, isFloat, type TensorType } from "../../graph/tensor.js";

function shape(inputs: (TensorType | null)[], { axis }: { axis: number }): TensorType[] {
  if (inputs.length === 0 || !inputs[0]) throw misfit("concat", "list", "at least one array", inputs);
  const [{ shape: first, dtype }] = inputs;
  if (axis >= first.length) {
    throw misfit("concat", "axis", `an axis of [${first.join(", ")}], of 0 to ${first.length - 1}`, axis);
  }
  const like = first.map((size, i) => (i === axis ? "any" : size));
  inputs.forEach((x, i) => checkOperand("concat", `list[${i}]`, x, like, [dtype]));
  const out = [...first];
  out[axis] = inputs.reduce((sum, x) => sum + x!.shape[axis], 0);
  return [{ shape: out, dtype }];
}

/** Joins tensors along `axis`. */
export const concat = defineOp<{ axis: number }>({
  name: "concat",
  operands: [],
  repeated: [{ name: "x" }],
  halvesOnCpu: true,
  attributes: { axis: integer(0) },
  anyType: true,
  shape,
  layout: layout({ axis: "int" }),
  reference: (inputs, a) => {
    const out = shape(
      inputs.map((x) => ({ shape: x!.shape, dtype: "f32" as const })),
      a,
    )[0].shape;
    const outer = elements(out.slice(0, a.axis));
    const data = new Float64Array(elements(out));
    let at = 0;
    for (let o = 0; o < outer; o++) {
      for (const x of inputs) {
        const size = x!.data.length / outer;
        data.set(x!.data.subarray(o * size, (o + 1) * size), at);
        at += size;
      }
    }
    return [{ shape: out, data }];
  },
  gradient: ({ inputs, attrs: { axis }, outGrads: [dy], needs }, g) => {
    let first = 0;
    return inputs.map((x, i) => {
      const start = x!.shape.map((_, d) => (d === axis ? first : 0));
      first += x!.shape[axis];
      return needs[i] && isFloat(x!.dtype) ? g.slice(dy!, start, x!.shape) : null;
    });
  },
  toOnnx: ({ inputs, outputs: [y], attrs: a }, emit) => {
    const { axes } = emit.value(inputs[0]!);
    const names = inputs.map((x) => emit.arranged(x!, axes));
    const nonNegative = inputs.every((x) => emit.value(x!).nonNegative);
    emit.set(y, emit.node("Concat", names, { axis: axes.indexOf(a.axis) }), { axes, nonNegative });
  },
});
