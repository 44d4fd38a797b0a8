import { reshape } from "../../ops/index.js";
import type { Node, OpDefinition, Tensor } from "../../graph/tensor.js";
import { type Graph, PARAMETER, readers } from "../../graph/trace.js";
import { copyOf } from "./copy_outputs.js";

/**
 * Orders nodes so that every new value of a parameter can be written into the parameter itself: after all readers of
 * the old value. If that is impossible (a reader depends on the new value, or the op does not support it), the new
 * value is computed separately and copied at the end. The input must be sorted and hoisted; later passes must not
 * reorder the nodes.
 */
export function placeUpdates(graph: Graph): void {
  if (graph.updates.size === 0) return;
  const old = new Map<string, Tensor>();
  for (const { op, attrs, outputs } of graph.nodes) if (op === PARAMETER) old.set(attrs.key as string, outputs[0]);
  const uses = readers(graph);
  const direct = new Map(graph.updates);
  for (;;) {
    const order = orderOf(graph, new Set([...direct.values()].map((value) => value.node)));
    const place = new Map(order.map((node, i) => [node, i]));
    const blocked = [...direct].filter(([key, value]) => {
      const source = old.get(key);
      return (
        source &&
        views(source, uses).some(({ node, slot }) =>
          node === value.node ? !mayShare(node, value.index, slot) : !(place.get(node)! < place.get(value.node)!),
        )
      );
    });
    if (blocked.length === 0) {
      const copies = [...graph.updates].filter(([key]) => !direct.has(key));
      graph.nodes = order;
      for (const [key, value] of copies) {
        const copy = copyOf(value, key);
        graph.nodes.push(copy);
        graph.updates.set(key, copy.outputs[0]);
      }
      return;
    }
    for (const [key] of blocked) direct.delete(key);
  }
}

/** Orders the nodes that depend on one of `last` after all others. */
function orderOf(graph: Graph, last: Set<Node>): Node[] {
  const late = new Set<Node>();
  for (const node of graph.nodes) {
    if (last.has(node) || node.inputs.some((x) => x && late.has(x.node))) late.add(node);
  }
  return [...graph.nodes.filter((node) => !late.has(node)), ...late];
}

/** The readers of a tensor's memory, also through reshapes, which are views. */
function views(tensor: Tensor, uses: ReturnType<typeof readers>): { node: Node; slot: number }[] {
  return (uses.get(tensor) ?? []).flatMap(({ node, slot }) => {
    if (!node) return [];
    const through = node.op === (reshape as OpDefinition<never>) ? views(node.outputs[0], uses) : [];
    return [{ node, slot }, ...through];
  });
}

function mayShare(node: Node, output: number, slot: number): boolean {
  const pairs = node.op.inPlace?.(node.inputs, node.attrs as never) ?? [];
  return pairs.some(([to, from]) => to === output && from === slot);
}
