import {
  cast,
  type Conv3dAttrs,
  conv3d,
  conv3dGradInput,
  conv3dSums,
  isDepthwise,
  linear,
  permute,
} from "../ops/index.js";
import type { OpDefinition, Tensor } from "../tensor.js";
import { type Graph, makeNode, replaceTensor } from "../trace.js";

/** Products of an output channel in a row, and the channels of a tap in a row. */
const CHANNELS = [0, 2, 3, 4, 1];
const TAPS = [1, 2, 3, 4, 0];

/**
 * Gives convolutions and linear layers their weights as the CUDA kernels read them: an output channel's products in a
 * row, `[Cout, kT, kH, kW, Cin / groups]` or `[out, in]`, depthwise ones `[kT, kH, kW, C]`; in the storage type of the
 * activations.
 */
export function gpuWeights(graph: Graph): void {
  for (const node of [...graph.nodes]) {
    const convolution = [conv3d, conv3dSums, conv3dGradInput].includes(node.op as never);
    if ((!convolution && node.op !== (linear as OpDefinition<never>)) || node.attrs.packed) continue;
    const [x, weight, ...rest] = node.inputs;
    const add = (made: ReturnType<typeof makeNode>): Tensor => {
      graph.nodes.push(made);
      return made.outputs[0];
    };
    let rows = weight!;
    if (convolution) {
      const order = isDepthwise(node.attrs as unknown as Conv3dAttrs, x!.shape[4]) ? TAPS : CHANNELS;
      rows = add(makeNode(permute, [rows], { order }, node.layer));
    }
    if (rows.dtype !== x!.dtype) rows = add(makeNode(cast, [rows], { to: x!.dtype }, node.layer));
    const lowered = makeNode(node.op, [x, rows, ...rest], { ...node.attrs, packed: true } as never, node.layer);
    graph.nodes.push(lowered);
    node.outputs.forEach((output, i) => {
      replaceTensor(graph, output, lowered.outputs[i]);
    });
  }
}
