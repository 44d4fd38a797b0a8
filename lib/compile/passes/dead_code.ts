import { type Graph, sortGraph } from "../../graph/trace.js";

/** Drops nodes that no output needs. */
export function deadCode(graph: Graph): void {
  sortGraph(graph);
}
