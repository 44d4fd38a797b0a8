import type { Array64, Tensor } from "./tensor.js";
import { type Graph, INPUT, PARAMETER, SCALAR, sortGraph } from "./trace.js";

/**
 * Runs a whole graph on the float64 references, with which every backend is compared. Scalars are inputs. The new value
 * of a parameter is the output `update.KEY`.
 */
export function evaluate64(
  graph: Graph,
  inputs: Record<string, Array64>,
  parameters: (key: string, shape: readonly number[]) => Array64,
): Record<string, Array64> {
  const values = new Map<Tensor, Array64>();
  for (const node of sortGraph(graph).nodes) {
    if (node.op === INPUT || node.op === SCALAR) values.set(node.outputs[0], inputs[node.attrs.name as string]);
    else if (node.op === PARAMETER) {
      values.set(node.outputs[0], parameters(node.attrs.key as string, node.outputs[0].shape));
    } else {
      const results = node.op.reference(
        node.inputs.map((x) => x && values.get(x)!),
        node.attrs as never,
      );
      node.outputs.forEach((output, i) => {
        values.set(output, results[i]);
      });
    }
  }
  const updates = [...graph.updates].map(([key, tensor]) => [`update.${key}`, tensor] as const);
  return Object.fromEntries([...graph.outputs, ...updates].map(([name, tensor]) => [name, values.get(tensor)!]));
}
