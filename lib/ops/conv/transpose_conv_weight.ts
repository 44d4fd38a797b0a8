import { layout } from "../../graph/attribute_layout.js";
import { type Array64, defineOp, type OpDefinition, shapeError, type TensorType } from "../../graph/tensor.js";
import { applyOp } from "../../graph/trace.js";
import { storageType } from "../storage.js";

function shape([weight]: (TensorType | null)[], { groups }: { groups: number }): TensorType[] {
  if (weight?.shape.length !== 5 || weight.shape[0] % groups) {
    throw shapeError("transpose_conv_weight", `[Cout, Cin / ${groups}, kT, kH, kW]`, weight?.shape ?? "none");
  }
  const [O, I, ...taps] = weight.shape;
  return [{ shape: [I * groups, O / groups, ...taps], dtype: storageType("transpose_conv_weight", weight) }];
}

function reference([weight]: (Array64 | null)[], { groups }: { groups: number }): Array64[] {
  const [O, I, ...kernel] = weight!.shape;
  const taps = kernel.reduce((a, b) => a * b, 1);
  const perGroup = O / groups;
  const data = new Float64Array(weight!.data.length);
  for (let o = 0; o < O; o++) {
    const group = Math.floor(o / perGroup);
    for (let i = 0; i < I; i++)
      for (let k = 0; k < taps; k++)
        data[((group * I + i) * perGroup + (o % perGroup)) * taps + taps - 1 - k] =
          weight!.data[(o * I + i) * taps + k];
  }
  return [{ shape: [I * groups, perGroup, ...kernel], data }];
}

/**
 * The weight of the convolution from output gradients to input gradients: `[Cout, Cin / groups, kT, kH, kW]` to
 * `[Cin, Cout / groups, kT, kH, kW]`. Input and output channels of each group are exchanged, and taps are reversed
 * along all three axes.
 */
export const transposeConvWeight: OpDefinition<{ groups: number }> = defineOp<{ groups: number }>({
  name: "transpose_conv_weight",
  operands: [{ name: "weight" }],
  dense: ["inputs", "outputs"],
  shape,
  layout: layout({ groups: "int" }),
  reference,
  gradient: ({ outGrads: [dy], attrs }) => applyOp(transposeConvWeight, [dy], attrs),
  notInOnnx: "only graphs with gradients have it",
});
