// The wire format: a planned graph as the records of numbers that the native side reads.
import { encodeAttributes } from "../graph/attribute_layout.js";
import { DTYPE, elements, ITEM_SIZE, type Node, type Tensor } from "../graph/tensor.js";
import type { Graph } from "../graph/trace.js";
import { type Placement, type Plan, SPACE } from "./plan.js";

/** A program in the form that native code reads; see native/cpp/addon/engine_wrap.cc. */
export interface NativeProgram {
  /** `layer` is for messages. */
  instructions: { op: string; layer: string; attrs: Float64Array; operands: Float64Array }[];
  arenaBytes: number;
  inputBytes: number[];
  outputBytes: number[];
  scalars: number;
  /** Matrix products of f32 may round their operands to tf32 (GPU). */
  tf32: boolean;
}

/** Encodes a planned graph. */
export function encode(graph: Graph, plan: Plan): NativeProgram {
  const bytes = (tensor: Tensor) => plan.placements.get(tensor)!.buffer.bytes;
  return {
    instructions: plan.instructions.map((node) => encodeInstruction(node, plan.placements)),
    arenaBytes: plan.arenaBytes,
    inputBytes: [...graph.inputs.values()].map(bytes),
    outputBytes: [...graph.outputs.values()].map(bytes),
    scalars: [...graph.scalars.values()].reduce((sum, tensor) => sum + elements(tensor.shape), 0),
    tf32: false,
  };
}

function encodeInstruction(node: Node, placements: Map<Tensor, Placement>) {
  const operand = (tensor: Tensor | null) => {
    if (!tensor) return [SPACE.absent];
    const { buffer, offset, strides } = placements.get(tensor)!;
    const { shape, dtype } = tensor;
    return [
      buffer.space,
      buffer.id,
      buffer.at + offset * ITEM_SIZE[dtype],
      DTYPE[dtype],
      shape.length,
      ...shape,
      ...strides,
    ];
  };
  const count = Math.max(node.op.operands.length, node.inputs.length);
  const inputs = Array.from({ length: count }, (_, i) => node.inputs[i] ?? null);
  return {
    op: node.op.name,
    layer: node.layer,
    attrs: Float64Array.from(encodeAttributes(node.op, node.attrs as never, node.inputs)),
    operands: Float64Array.from([
      inputs.length,
      ...inputs.flatMap(operand),
      node.outputs.length,
      ...node.outputs.flatMap(operand),
    ]),
  };
}
