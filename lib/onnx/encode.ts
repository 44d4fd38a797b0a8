import type { OnnxAttribute } from "../graph/onnx_emitter.js";
import type { TensorType } from "../graph/tensor.js";
import type { EmittedNode, EmittedTensor } from "./emitter.js";
import { Message } from "./protobuf.js";

/**
 * Operator set 20 is the first with Gelu, which the text encoders use (LayerNormalization came with 17, ReduceMax with
 * axes as an input with 18), and onnxruntime supports it since 1.17. ONNX published IR version 9 with it.
 */
const OPSET = 20;
const IR_VERSION = 9;

/** TensorProto.DataType. */
const DATA_TYPE = { f32: 1, u8: 2, i32: 6, i64: 7, f16: 10, bf16: 16 } as const;

/** AttributeProto.AttributeType. */
const ATTRIBUTE = { float: 1, integer: 2, string: 3, integers: 7 } as const;

/** A graph in ONNX's terms. Inputs and outputs keep their order. */
export interface OnnxGraph {
  name: string;
  nodes: readonly EmittedNode[];
  tensors: readonly EmittedTensor[];
  inputs: ReadonlyMap<string, TensorType>;
  outputs: ReadonlyMap<string, TensorType>;
}

/** ModelProto. Field numbers are those of onnx.proto. */
export function encodeModel(graph: OnnxGraph, version: string, metadata: Record<string, string>): Message {
  const model = new Message()
    .integer(1, IR_VERSION)
    .string(2, "videoclip")
    .string(3, version)
    .message(7, encodeGraph(graph))
    .message(8, new Message().string(1, "").integer(2, OPSET));
  for (const [key, value] of Object.entries(metadata)) {
    model.message(14, new Message().string(1, key).string(2, value));
  }
  return model;
}

function encodeGraph({ name, nodes, tensors, inputs, outputs }: OnnxGraph): Message {
  const graph = new Message();
  for (const node of nodes) graph.message(1, encodeNode(node));
  graph.string(2, name);
  for (const tensor of tensors) graph.message(5, encodeTensor(tensor));
  for (const [key, type] of inputs) graph.message(11, encodeValue(key, type));
  for (const [key, type] of outputs) graph.message(12, encodeValue(key, type));
  return graph;
}

function encodeNode({ type, name, inputs, outputs, attributes }: EmittedNode): Message {
  const node = new Message();
  for (const input of inputs) node.string(1, input);
  for (const output of outputs) node.string(2, output);
  node.string(3, name).string(4, type);
  for (const [key, value] of Object.entries(attributes)) node.message(5, encodeAttribute(key, value));
  return node;
}

function encodeAttribute(name: string, value: OnnxAttribute): Message {
  const attribute = new Message().string(1, name);
  if (typeof value === "number") return attribute.integer(3, value).integer(20, ATTRIBUTE.integer);
  if (typeof value === "string") return attribute.string(4, value).integer(20, ATTRIBUTE.string);
  if ("float" in value) return attribute.float(2, value.float).integer(20, ATTRIBUTE.float);
  for (const item of value) attribute.integer(8, item);
  return attribute.integer(20, ATTRIBUTE.integers);
}

function encodeTensor({ name, dtype, shape, data }: EmittedTensor): Message {
  const tensor = new Message();
  for (const size of shape) tensor.integer(1, size);
  return tensor.integer(2, DATA_TYPE[dtype]).string(8, name).bytes(9, data);
}

function encodeValue(name: string, { shape, dtype }: TensorType): Message {
  const dims = new Message();
  for (const size of shape) dims.message(1, new Message().integer(1, size));
  const tensor = new Message().integer(1, DATA_TYPE[dtype]).message(2, dims);
  return new Message().string(1, name).message(2, new Message().message(1, tensor));
}
