import type { Node, Tensor } from "../../graph/tensor.js";
import { elements, ITEM_SIZE } from "../../graph/tensor.js";
import { type Graph, INPUT, PARAMETER, results, SCALAR, sortGraph } from "../../graph/trace.js";

/**
 * A value that depends on parameters alone. It is computed once, kept in the store under `name`, and shared by all
 * programs.
 */
export interface DerivedParameter {
  name: string;
  tensor: Tensor;
  /** Keys of the parameters it depends on. */
  sources: string[];
  bytes: number;
}

/**
 * Finds the values that depend on parameters alone and are read by the rest of the graph: folded and packed weights.
 * They leave the graph. Their names say how they are made, so equal ones share an entry. Values that depend on an
 * updated parameter stay, since they would be made again before every run.
 */
export function hoistParameters(graph: Graph): DerivedParameter[] {
  sortGraph(graph);
  const constant = new Map<Node, { name: string; sources: Set<string> }>();
  const updating = new Set([...graph.updates.values()].map((tensor) => tensor.node));
  for (const node of graph.nodes) {
    if (node.op === PARAMETER) {
      if (graph.updates.has(node.attrs.key as string)) continue;
      constant.set(node, { name: node.attrs.key as string, sources: new Set([node.attrs.key as string]) });
      continue;
    }
    const inputs = node.inputs.map((x) => x && constant.get(x.node));
    if (node.op === INPUT || node.op === SCALAR || updating.has(node)) continue;
    if (inputs.every((x) => !x) || inputs.some((x, i) => !x && node.inputs[i])) continue;
    const names = node.inputs.map((x, i) => (x ? `${inputs[i]!.name}#${x.index}` : "-"));
    constant.set(node, {
      name: `${node.op.name}(${names.join(", ")}; ${JSON.stringify(node.attrs)})`,
      sources: new Set(inputs.flatMap((x) => [...(x?.sources ?? [])])),
    });
  }
  const derived = new Map<Tensor, DerivedParameter>();
  const keep = (tensor: Tensor | null) => {
    const found = tensor && constant.get(tensor.node);
    if (!found || tensor.node.op === PARAMETER || derived.has(tensor)) return;
    derived.set(tensor, {
      name: `${found.name}#${tensor.index}`,
      tensor,
      sources: [...found.sources],
      bytes: elements(tensor.shape) * ITEM_SIZE[tensor.dtype],
    });
  };
  for (const node of graph.nodes) if (!constant.has(node)) for (const x of node.inputs) keep(x);
  for (const tensor of results(graph)) keep(tensor);
  graph.nodes = graph.nodes.filter((node) => !constant.has(node) || node.op === PARAMETER);
  return [...derived.values()];
}
