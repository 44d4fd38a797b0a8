import { concat, reshape, slice } from "../../ops/index.js";
import type { Node, OpDefinition, Tensor } from "../../graph/tensor.js";
import { type Graph, INPUT, makeNode, PARAMETER, SCALAR } from "../../graph/trace.js";

const SOURCES = new Set<unknown>([INPUT, SCALAR, PARAMETER, reshape]);

/**
 * Inserts a copy for every result that no instruction writes: an input, a parameter, a view, or a second name of
 * another result. A new value of a parameter that is a concat is copied too: its parts would be written one by one
 * while others read the old value.
 */
export function copyOutputs(graph: Graph): void {
  const seen = new Set<Tensor>();
  for (const map of [graph.updates, graph.outputs]) {
    for (const [name, tensor] of map) {
      const joined = map === graph.updates && tensor.node.op === (concat as OpDefinition<never>);
      if (!SOURCES.has(tensor.node.op) && !joined && !seen.has(tensor)) {
        seen.add(tensor);
        continue;
      }
      const copy = copyOf(tensor, name);
      graph.nodes.push(copy);
      map.set(name, copy.outputs[0]);
    }
  }
}

/** A node that copies the tensor. */
export const copyOf = (tensor: Tensor, layer: string): Node =>
  makeNode(slice, [tensor], { start: tensor.shape.map(() => 0), size: tensor.shape }, layer);
