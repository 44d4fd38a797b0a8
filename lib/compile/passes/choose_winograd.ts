import { type Conv3dAttrs, conv3d, fitsWinograd, winogradConv3d } from "../../ops/index.js";
import type { Node, OpDefinition } from "../../graph/tensor.js";
import { type Graph, makeNode, replaceTensor } from "../../graph/trace.js";
import { fromParameters } from "./from_parameters.js";

/** Outputs of a tile along one axis. */
const TILE = 4;
/** Minimum gain: a smaller one is lost to the larger weights. */
const MARGIN = 1.4;

/**
 * Whether Winograd's form of a convolution takes less work for one clip. The choice does not depend on the batch, since
 * rows would then depend on it. The unit is a multiplication of the matrix kernel. The costs are the products of the
 * direct form, the products of each point, and the transforms of a tile, whose cost per input and output channel was
 * measured on an AVX-512 core (Zen 4).
 */
function pays(node: Node, directRate: number): boolean {
  const { kernel, low } = node.attrs as unknown as Conv3dAttrs;
  const [, T, H, W, outChannels] = node.outputs[0].shape;
  const [, frames, , , inChannels] = node.inputs[0]!.shape;
  const spatial = kernel[0] === 1;
  const cost = spatial ? { points: 36, input: 400, output: 280 } : { points: 6, input: 60, output: 45 };
  const tiles = spatial ? T * Math.ceil(H / TILE) * Math.ceil(W / TILE) : Math.ceil(T / TILE) * H * W;
  // the direct kernel skips the taps of a frame that fall into the padding
  let taps = spatial ? 9 * T : 0;
  for (let t = -low[0]; !spatial && t < T - low[0]; t++) taps += Math.min(t + 3, frames) - Math.max(t, 0);
  const direct = taps * H * W * inChannels * outChannels;
  const winograd =
    tiles * (cost.points * inChannels * outChannels + cost.input * inChannels + cost.output * outChannels);
  return MARGIN * winograd < direct / directRate;
}

/**
 * Computes convolutions by Winograd's minimal filtering where that takes less work. Their weights must be parameters.
 * @param directRate products of the direct form in the time of one of Winograd's: 2 for bf16
 */
export function chooseWinograd(graph: Graph, directRate = 1): void {
  for (const node of [...graph.nodes]) {
    if (node.op !== (conv3d as OpDefinition<never>) || node.inputs[4]) continue;
    const attrs = node.attrs as unknown as Conv3dAttrs;
    if (!fitsWinograd(attrs) || !fromParameters(node.inputs[1]!) || !pays(node, directRate)) continue;
    const chosen = makeNode(winogradConv3d, node.inputs.slice(0, 4), attrs, node.layer);
    graph.nodes.push(chosen);
    replaceTensor(graph, node.outputs[0], chosen.outputs[0]);
  }
}
