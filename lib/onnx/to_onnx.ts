import { VideoClipError } from "../base/errors.js";
import { deadCode, foldBatchNorm, foldCrop, fuseEpilogue } from "../compile/passes/index.js";
import type { Node } from "../graph/tensor.js";
import { type Graph, INPUT, sortGraph } from "../graph/trace.js";
import { VERSION } from "../base/version.js";
import { Constants, type OnnxWeights } from "./constants.js";
import { Emitter } from "./emitter.js";
import { encodeModel } from "./encode.js";
import { foldSpaceToDepth } from "./fold_space_to_depth.js";
import { OnnxModel } from "./model.js";

/**
 * The rewrites whose results are standard ONNX operators. Merging of pointwise convolutions and late self-gates are
 * left out: they are faster only where outputs are written into slices and scales are fused, which ONNX would express
 * as Split and Mul.
 */
const PASSES = [foldBatchNorm, fuseEpilogue, foldCrop, foldSpaceToDepth];

export interface OnnxOptions {
  /**
   * Fold BatchNorm, crops and space-to-depth into the convolutions first. Default true; false writes every layer as
   * traced.
   */
  fold?: boolean | undefined;
  /** Name of the ONNX graph. */
  name?: string | undefined;
  /** Metadata of the file (`metadata_props`). */
  metadata?: Record<string, string> | undefined;
}

/**
 * Converts a graph to an ONNX model (operator set 20) with the graph's inputs and outputs, including shapes. Only
 * operators of the default domain are used. Activations are channels-first inside; a graph that takes `[N, C, T, H, W]`
 * and permutes it to channels-last has no transpose in its ONNX form.
 * @param graph as traced, not compiled; it is rewritten and must not be used again
 * @param weights returns the values of a parameter by key; called each time the model is written
 * @throws VideoClipError `ERR_ONNX` for an op without an ONNX form and for a model above 2 GiB
 */
export function toOnnx(graph: Graph, weights: OnnxWeights, options: OnnxOptions = {}): OnnxModel {
  const { fold = true, name = "videoclip", metadata = {} } = options;
  for (const pass of fold ? PASSES : []) {
    pass(graph);
    deadCode(graph);
  }
  const both = [...graph.outputs.keys()].find((output) => graph.inputs.has(output));
  if (both) throw new VideoClipError("ERR_ONNX", `ONNX: ${both} is the name of an input and of an output`);
  const constants = new Constants(weights);
  const emitter = new Emitter(constants, [...graph.inputs.keys(), ...graph.outputs.keys()]);
  for (const node of sortGraph(graph).nodes) {
    if (node.op === INPUT) emitter.set(node.outputs[0], node.attrs.name as string);
    else if (!constants.has(node.outputs[0])) emitNode(node, emitter);
  }
  emitter.layer = "";
  emitter.finish(graph.outputs);
  const { emitted: nodes, tensors } = emitter;
  const onnx = { name, nodes, tensors, inputs: graph.inputs, outputs: graph.outputs };
  return new OnnxModel(onnx, encodeModel(onnx, VERSION, metadata));
}

function emitNode(node: Node, emitter: Emitter): void {
  const { op, attrs, layer } = node;
  if (op.toOnnx && !attrs.packed) {
    emitter.layer = layer;
    op.toOnnx(node as never, emitter);
    return;
  }
  const reason = attrs.packed
    ? "its weights are packed for a device; export the graph before it is compiled"
    : (op.notInOnnx ?? "it has none yet");
  throw new VideoClipError("ERR_ONNX", `layer ${layer}: ${op.name} has no ONNX form: ${reason}`, {
    op: op.name,
    layer,
  });
}
