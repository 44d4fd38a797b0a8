import { channelsFirst, type OnnxEmitter } from "../../graph/onnx_emitter.js";
import { operandError } from "../../graph/operands.js";
import { defineOp, denseStrides, elements, type TensorType } from "../../graph/tensor.js";
import { applyOp } from "../../graph/trace.js";
import { permute } from "./permute.js";

function shape([x]: (TensorType | null)[]): TensorType[] {
  if (x?.shape.length !== 5 || x.shape.slice(1, 4).some((n) => n % 2)) {
    throw operandError("space_to_depth", "x", x, "[N, T, H, W, C] with even T, H and W");
  }
  const [N, T, H, W, C] = x.shape;
  return [{ shape: [N, T / 2, H / 2, W / 2, 8 * C], dtype: x.dtype }];
}

/** Rearranges the channels-first value `name` of `[N, T, H, W, C]`. */
export function emitSpaceToDepth(emit: OnnxEmitter, name: string, [N, T, H, W, C]: readonly number[]): string {
  const split = emit.node("Reshape", [name, emit.integers([N, C, T / 2, 2, H / 2, 2, W / 2, 2])]);
  const blocks = emit.node("Transpose", [split], { perm: [0, 3, 5, 7, 1, 2, 4, 6] });
  return emit.node("Reshape", [blocks, emit.integers([N, 8 * C, T / 2, H / 2, W / 2])]);
}

/** Blocks of 2x2x2 positions become channels: channel `((dt * 2 + dh) * 2 + dw) * C + c` (Miech's S3D-G). */
export const spaceToDepth = defineOp<Record<string, never>>({
  name: "space_to_depth",
  operands: [{ name: "x", batched: true }],
  halvesOnCpu: true,
  anyType: true,
  shape,
  reference: ([x]) => {
    const out = shape([{ shape: x!.shape, dtype: "f32" }])[0].shape;
    const from = denseStrides(x!.shape);
    const place = denseStrides(out);
    const C = x!.shape[4];
    const data = Float64Array.from({ length: elements(out) }, (_, i) => {
      const [n, t, h, w, channel] = out.map((size, d) => Math.floor(i / place[d]) % size);
      const block = Math.floor(channel / C);
      const at = [n, 2 * t + (block >> 2), 2 * h + ((block >> 1) & 1), 2 * w + (block & 1), channel % C];
      return x!.data[at.reduce((sum, v, d) => sum + v * from[d], 0)];
    });
    return [{ shape: out, data }];
  },
  gradient: ({ inputs: [x], outGrads: [dy] }, g) => {
    const [N, T, H, W, C] = x!.shape;
    const blocks = g.reshape(dy!, [N, T / 2, H / 2, W / 2, 2, 2, 2, C]);
    return [g.reshape(applyOp(permute, [blocks], { order: [0, 1, 4, 2, 5, 3, 6, 7] })[0], x!.shape)];
  },
  toOnnx: ({ inputs: [x], outputs: [y] }, emit) => {
    const axes = channelsFirst(5);
    const { nonNegative } = emit.value(x!);
    emit.set(y, emitSpaceToDepth(emit, emit.arranged(x!, axes), x!.shape), { axes, nonNegative });
  },
});
