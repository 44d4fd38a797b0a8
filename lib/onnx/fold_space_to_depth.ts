import { type Conv3dAttrs, conv3d, permute, reshape, spaceToDepth, type Triple } from "../ops/index.js";
import type { OpDefinition } from "../graph/tensor.js";
import { type Graph, makeNode, replaceTensor } from "../graph/trace.js";

const twice = (triple: Triple) => triple.map((n) => 2 * n) as unknown as Triple;

/**
 * Replaces a convolution over 2x2x2 blocks by one over positions with twice the kernel, stride and padding and with
 * rearranged weights: the same products and sums, without a rearranged video.
 */
export function foldSpaceToDepth(graph: Graph): void {
  for (const node of [...graph.nodes]) {
    if (node.op !== (conv3d as OpDefinition<never>)) continue;
    const [blocks, weight, ...rest] = node.inputs;
    const attrs = node.attrs as unknown as Conv3dAttrs;
    if (blocks!.node.op !== (spaceToDepth as OpDefinition<never>) || attrs.groups > 1 || rest[2]) continue;
    const [video] = blocks!.node.inputs;
    const [O, channels, ...kernel] = weight!.shape;
    const C = channels / 8;
    const [T, H, W] = kernel;
    const make = <A>(op: OpDefinition<A>, x: typeof weight, a: A) => {
      const made = makeNode(op, [x], a, node.layer);
      graph.nodes.push(made);
      return made.outputs[0];
    };
    // [O, (dt dh dw C), T, H, W] to [O, C, T dt, H dh, W dw]
    const split = make(reshape, weight, { shape: [O, 2, 2, 2, C, T, H, W] });
    const order = make(permute, split, { order: [0, 4, 5, 1, 6, 2, 7, 3] });
    const whole = make(reshape, order, { shape: [O, C, 2 * T, 2 * H, 2 * W] });
    const wide = makeNode(
      conv3d,
      [video, whole, ...rest],
      {
        ...attrs,
        kernel: twice(attrs.kernel),
        stride: twice(attrs.stride),
        low: twice(attrs.low),
        high: twice(attrs.high),
      },
      node.layer,
    );
    graph.nodes.push(wide);
    node.outputs.forEach((output, i) => {
      replaceTensor(graph, output, wide.outputs[i]);
    });
  }
}
