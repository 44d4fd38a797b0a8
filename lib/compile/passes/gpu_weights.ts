import { cast, permute } from "../../ops/index.js";
import type { Tensor } from "../../graph/tensor.js";
import { type Graph, makeNode, replaceTensor } from "../../graph/trace.js";

/**
 * Converts weights to the form that CUDA kernels read: axes in the order of `axesOnGpu`, and the storage type of the
 * activations.
 */
export function gpuWeights(graph: Graph): void {
  for (const node of [...graph.nodes]) {
    const order = node.op.axesOnGpu?.(node.attrs as never, node.inputs);
    if (!order || node.attrs.packed) continue;
    const [x, weight, ...rest] = node.inputs;
    const add = (made: ReturnType<typeof makeNode>): Tensor => {
      graph.nodes.push(made);
      return made.outputs[0];
    };
    let rows = weight!;
    if (order.some((axis, i) => axis !== i)) rows = add(makeNode(permute, [rows], { order }, node.layer));
    if (rows.dtype !== x!.dtype) rows = add(makeNode(cast, [rows], { to: x!.dtype }, node.layer));
    const lowered = makeNode(node.op, [x, rows, ...rest], { ...node.attrs, packed: true } as never, node.layer);
    graph.nodes.push(lowered);
    node.outputs.forEach((output, i) => {
      replaceTensor(graph, output, lowered.outputs[i]);
    });
  }
}
