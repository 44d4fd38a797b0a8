import { type Conv3dAttrs, conv3d, type SliceAttrs, slice, type Triple } from "../../ops/index.js";
import type { OpDefinition } from "../../graph/tensor.js";
import { type Graph, makeNode, readers, readOnce, replaceTensor } from "../../graph/trace.js";

/**
 * Removes the crop of a stride-1 convolution's output by reducing its padding: dropping output index 0 is one position
 * less of low padding. S3D-G's stem gets its asymmetric padding this way.
 */
export function foldCrop(graph: Graph): void {
  for (const node of [...graph.nodes]) {
    if (node.op !== (slice as OpDefinition<never>)) continue;
    const x = node.inputs[0]!;
    const attrs = x.node.attrs as unknown as Conv3dAttrs;
    if (x.node.op !== (conv3d as OpDefinition<never>) || attrs.split.length > 1 || x.node.inputs[3]) continue;
    if (!readOnce(readers(graph), x) || attrs.stride.some((s) => s !== 1)) continue;
    const { start, size } = node.attrs as unknown as SliceAttrs;
    if (start[0] || start[4] || size[0] !== x.shape[0] || size[4] !== x.shape[4]) continue;
    const low = attrs.low.map((pad, i) => pad - start[1 + i]) as unknown as Triple;
    const high = attrs.high.map((pad, i) => pad - (x.shape[1 + i] - start[1 + i] - size[1 + i])) as unknown as Triple;
    if ([...low, ...high].some((pad) => pad < 0)) continue;
    const cropped = makeNode(conv3d, x.node.inputs, { ...attrs, low, high }, x.node.layer);
    graph.nodes.push(cropped);
    replaceTensor(graph, node.outputs[0], cropped.outputs[0]);
  }
}
