import { layout } from "../../graph/attribute_layout.js";
import { channelsFirst } from "../../graph/onnx_emitter.js";
import { checkOperand, FLOATS, misfit } from "../../graph/operands.js";
import { type Attributes, flag, integer, numbers, oneOf, optional } from "../../graph/rules.js";
import { type DType, defineOp, denseStrides, elements, type TensorType } from "../../graph/tensor.js";
import { emitSpaceToDepth } from "../layout/space_to_depth.js";

/** u8 RGB frames `[N, T, H, W, 3]` to normalised f32, bf16 or f16: crop, `(x / 255 - mean) / std`, optionally space-to-depth. */
export interface PreprocessAttrs {
  top: number;
  left: number;
  height: number;
  width: number;
  mean: readonly [number, number, number];
  std: readonly [number, number, number];
  spaceToDepth: boolean;
  /** Dtype of the result. Default: f32. */
  dtype?: DType | undefined;
}

const rules: Attributes<PreprocessAttrs> = {
  top: integer(0),
  left: integer(0),
  height: integer(1),
  width: integer(1),
  mean: numbers(3),
  std: numbers(3, true),
  spaceToDepth: flag,
  dtype: optional(oneOf(FLOATS)),
};

function shape([x]: (TensorType | null)[], a: PreprocessAttrs): TensorType[] {
  const [N, T, H, W] = checkOperand("preprocess", "x", x, ["N", "T", "H", "W", 3], ["u8"]).shape;
  const ends = { height: a.top + a.height, width: a.left + a.width };
  if (ends.height > H) throw misfit("preprocess", "height", `at most ${H - a.top}, the frames' below top`, a.height);
  if (ends.width > W) throw misfit("preprocess", "width", `at most ${W - a.left}, the frames' behind left`, a.width);
  const dtype = a.dtype ?? "f32";
  if (!a.spaceToDepth) return [{ shape: [N, T, a.height, a.width, 3], dtype }];
  const size = [T, a.height, a.width];
  if (size.some((n) => n % 2)) throw misfit("preprocess", "spaceToDepth", "even T, height and width", size);
  return [{ shape: [N, T / 2, a.height / 2, a.width / 2, 24], dtype }];
}

/** See {@link PreprocessAttrs}. */
export const preprocess = defineOp<PreprocessAttrs>({
  name: "preprocess",
  bf16OnCpu: () => true,
  operands: [{ name: "x", batched: true }],
  attributes: rules,
  shape,
  layout: layout({ top: "int", left: "int", mean: "float[3]", std: "float[3]", spaceToDepth: "bool" }),
  reference: ([x], a) => {
    const out = shape([{ shape: x!.shape, dtype: "u8" }], a)[0].shape;
    const from = denseStrides(x!.shape);
    const place = denseStrides(out);
    const step = a.spaceToDepth ? 2 : 1;
    const data = Float64Array.from({ length: elements(out) }, (_, i) => {
      const [n, t, h, w, channel] = out.map((size, d) => Math.floor(i / place[d]) % size);
      const block = Math.floor(channel / 3);
      const c = channel % 3;
      const at = [
        n,
        step * t + (block >> 2),
        a.top + step * h + ((block >> 1) & 1),
        a.left + step * w + (block & 1),
        c,
      ];
      return (x!.data[at.reduce((sum, v, d) => sum + v * from[d], 0)] / 255 - a.mean[c]) / a.std[c];
    });
    return [{ shape: out, data }];
  },
  toOnnx: ({ inputs: [x], outputs: [y], attrs: a }, emit) => {
    const axes = channelsFirst(5);
    const [low, high] = [
      [a.top, a.left],
      [a.top + a.height, a.left + a.width],
    ];
    const frames = emit.arranged(x!, axes);
    const crop = emit.node("Slice", [frames, emit.integers(low), emit.integers(high), emit.integers([3, 4])]);
    const perChannel = (values: number[]) => emit.floats(values, [3, 1, 1, 1]);
    const shifted = emit.node("Sub", [
      emit.node("Cast", [crop], { to: 1 }), // to float32
      perChannel(a.mean.map((mean) => 255 * mean)),
    ]);
    const name = emit.node("Div", [shifted, perChannel(a.std.map((std) => 255 * std))]);
    const shape = [...x!.shape.slice(0, 2), a.height, a.width, 3];
    emit.set(y, a.spaceToDepth ? emitSpaceToDepth(emit, name, shape) : name, { axes });
  },
  notDifferentiable: "its input is the bytes of frames",
});
