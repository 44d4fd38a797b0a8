import { reshape, slice } from "../ops/index.js";
import type { OpDefinition, Tensor } from "../tensor.js";
import { type Graph, INPUT, makeNode, PARAMETER } from "../trace.js";

/** Gives an output that is an input, a parameter, a view or another output too an instruction of its own: a copy. */
export function copyOutputs(graph: Graph): void {
  const seen = new Set<Tensor>();
  for (const [name, tensor] of graph.outputs) {
    const source = tensor.node.op === INPUT || tensor.node.op === PARAMETER;
    if (!source && tensor.node.op !== (reshape as OpDefinition<never>) && !seen.has(tensor)) {
      seen.add(tensor);
      continue;
    }
    const copy = makeNode(slice, [tensor], { start: tensor.shape.map(() => 0), size: tensor.shape }, name);
    graph.nodes.push(copy);
    graph.outputs.set(name, copy.outputs[0]);
  }
}
