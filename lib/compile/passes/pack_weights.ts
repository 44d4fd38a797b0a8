import type { CpuLayout } from "../../graph/tensor.js";
import { type Graph, makeNode, replaceTensor } from "../../graph/trace.js";

/**
 * Converts weights to the layout of the CPU kernels (`packedOnCpu`). This pass is the last, since it fixes the
 * attributes.
 */
export function packWeights(graph: Graph, cpu: CpuLayout): void {
  for (const node of [...graph.nodes]) {
    const packings = node.op.packedOnCpu?.(node.attrs as never, cpu) ?? [];
    if (packings.length === 0 || node.attrs.packed) continue;
    const inputs = [...node.inputs];
    for (const { slot, op, attrs } of packings) {
      const packed = makeNode(op, [inputs[slot]], attrs as never, node.layer);
      graph.nodes.push(packed);
      inputs[slot] = packed.outputs[0];
    }
    const lowered = makeNode(node.op, inputs, { ...node.attrs, packed: true } as never, node.layer);
    graph.nodes.push(lowered);
    node.outputs.forEach((output, i) => {
      replaceTensor(graph, output, lowered.outputs[i]);
    });
  }
}
