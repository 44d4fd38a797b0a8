import {
  binary,
  cast,
  concat,
  type Conv3dAttrs,
  conv3d,
  conv3dBf16,
  linear,
  type LinearAttrs,
  splitBf16,
} from "../../ops/index.js";
import type { Node, OpDefinition, Tensor } from "../../graph/tensor.js";
import { type Graph, makeNode, replaceTensor } from "../../graph/trace.js";
import { fromParameters } from "./from_parameters.js";
import { asConvolution, builder } from "./linear_as_convolution.js";

const is = (node: Node, op: unknown) => node.op === (op as OpDefinition<never>);

/**
 * Computes convolutions (one group, weights that are parameters) and linear layers of f32 as products of bf16, for a
 * matrix unit that has no f32: each operand is the sum of two bf16, and of the four products the one of the two rests,
 * below 2^-16 of the result, is left out. Sums and values between layers are f32.
 */
export function splitProducts(graph: Graph): void {
  for (const node of [...graph.nodes]) {
    const chosen = split(node);
    graph.nodes.push(...chosen);
    chosen.at(-1)?.outputs.forEach((output, i) => {
      replaceTensor(graph, node.outputs[i], output);
    });
  }
}

/** The nodes that replace a node; none if it stays. */
function split(node: Node): Node[] {
  const [x, weight, bias, residual, scale] = node.inputs;
  if (scale) return [];
  const { nodes, add } = builder(node.layer);
  const convolve = (input: Tensor, kernel: Tensor, added: Tensor | null, attrs: Conv3dAttrs): Tensor => {
    const parts = add(splitBf16, [input], {});
    nodes.push(
      makeNode(
        conv3dBf16,
        [parts, partsOf(kernel, add), bias ?? null, added, null],
        { ...attrs, output: "f32" },
        node.layer,
      ),
    );
    return nodes.at(-1)!.outputs[0];
  };
  if (is(node, conv3d)) {
    const attrs = node.attrs as unknown as Conv3dAttrs;
    if (attrs.groups !== 1 || !fromParameters(weight!)) return [];
    convolve(x!, weight!, residual ?? null, attrs);
    return nodes;
  }
  if (!is(node, linear) || !fromParameters(weight!)) return [];
  asConvolution(node.attrs as unknown as LinearAttrs, node, add, convolve);
  return nodes;
}

/** The weights of the parts that `splitBf16` makes, along the input channels: rounded, rounded, rests. */
function partsOf(weight: Tensor, add: ReturnType<typeof builder>["add"]): Tensor {
  const high = add(cast, [add(cast, [weight], { to: "bf16" })], { to: "f32" });
  const rest = add(binary, [weight, high], { kind: "sub" });
  return add(concat, [high, high, rest], { axis: 1 });
}
