import {
  binary,
  type Conv3dAttrs,
  conv3d,
  conv3dBf16,
  linear,
  type LinearAttrs,
  matmul,
  matmulBf16,
  reshape,
  unary,
} from "../../ops/index.js";
import { elements, type Node, type OpDefinition } from "../../graph/tensor.js";
import { type Graph, makeNode, replaceTensor } from "../../graph/trace.js";
import type { Takes } from "./cast_precision.js";
import { fromParameters } from "./from_parameters.js";
import { asConvolution, builder } from "./linear_as_convolution.js";

const is = (node: Node, op: unknown) => node.op === (op as OpDefinition<never>);

/**
 * Computes the remaining convolutions (one group, weights that are parameters) in bf16, and the linear layers: in an
 * inference graph as pointwise convolutions, in a training graph as matrix products.
 */
export function chooseBf16(graph: Graph): void {
  const trains = graph.updates.size > 0;
  for (const node of [...graph.nodes]) {
    const chosen = inBf16(node, trains);
    graph.nodes.push(...chosen);
    chosen.at(-1)?.outputs.forEach((output, i) => {
      replaceTensor(graph, node.outputs[i], output);
    });
  }
}

/** The types that ops take in a training graph: inputs of convolutions, with their scale, bf16, all others f32. */
export const inTraining: Takes = (node, slot, dtype) => {
  if (node.op.storage === "as given") return "as given";
  return is(node, conv3dBf16) && (slot === 0 || slot === 4) ? dtype : "f32";
};

/** The nodes that replace a node; none if it stays. */
function inBf16(node: Node, trains: boolean): Node[] {
  const { inputs, attrs, layer } = node;
  if (is(node, conv3d)) {
    const { groups } = attrs as unknown as Conv3dAttrs;
    return groups === 1 && fromParameters(inputs[1]!)
      ? [
          makeNode(
            conv3dBf16,
            inputs,
            { ...(attrs as unknown as Conv3dAttrs), ...(trains ? { output: "f32" } : {}) },
            layer,
          ),
        ]
      : [];
  }
  if (trains && is(node, matmul)) return [makeNode(matmulBf16, inputs, attrs as never, layer)];
  if (!is(node, linear)) return [];
  if (trains) return inputs[3] ? [] : linearAsMatmul(node);
  return inputs[4] || !fromParameters(inputs[1]!) ? [] : linearAsConvolution(node);
}

/** The product x Wᵀ, the bias and the activation as separate nodes. */
function linearAsMatmul({ inputs: [x, weight, bias], attrs, outputs, layer }: Node): Node[] {
  const { activation } = attrs as unknown as LinearAttrs;
  const { nodes, add } = builder(layer);
  const width = x!.shape.at(-1)!;
  const rows = add(reshape, [x!], { shape: [elements(x!.shape) / width, width] });
  let y = add(matmulBf16, [rows, weight!], { transposeA: false, transposeB: true });
  if (bias) y = add(binary, [y, bias], { kind: "add" });
  if (activation !== "none") y = add(unary, [y], { kind: activation });
  add(reshape, [y], { shape: outputs[0].shape });
  return nodes;
}

/** A pointwise convolution whose positions are the rows. */
function linearAsConvolution(node: Node): Node[] {
  const { nodes, add } = builder(node.layer);
  asConvolution(node.attrs as unknown as LinearAttrs, node, add, (x, kernel, residual, attrs) =>
    add(conv3dBf16, [x, kernel, node.inputs[2] ?? null, residual, null], attrs),
  );
  return nodes;
}
