import type { Device } from "../runtime/device.js";
import { optimize } from "../compile/passes/index.js";
import { compile as lower } from "../runtime/compile.js";
import type { Program } from "../runtime/program.js";
import type { Graph } from "../graph/trace.js";
import { options as checked } from "./check.js";

export interface CompileOptions {
  /** Fold and fuse layers first. Default: true, but false for a graph that updates parameters. */
  optimize?: boolean | undefined;
}

/**
 * Compiles a traced graph to a program of a device. The device's store must have the parameters when the program runs.
 * Shapes are fixed, and the graph must not be used again. A {@link Model} does this by itself.
 */
export function compile(graph: Graph, device: Device, options?: CompileOptions): Program {
  const { optimize: rewrite = graph.updates.size === 0 } = checked("compile", options, ["optimize"]);
  return lower(rewrite ? optimize(graph) : graph, device);
}
