// Times a graph of this package: input and output arrays are allocated once on the device; a run is one run of the
// compiled program.
import { createDevice } from "../../dist/runtime/device.js";
import { optimize } from "../../dist/compile/passes/index.js";
import { compile } from "../../dist/runtime/compile.js";
import { elements } from "../../dist/graph/tensor.js";
import type { Graph } from "../../dist/graph/trace.js";
import { parametersOf } from "../../dist/models/parameters.js";
import { weightOf } from "./graph.js";
import { fill, inputsOf } from "./inputs.js";
import type { Job } from "./spec.js";

export function programRun(graph: Graph, { spec, threads, precision }: Job): () => Promise<void> {
  const device = createDevice({ threads, precision });
  for (const [key, shape] of parametersOf(graph)) device.parameters.set(key, shape, weightOf(key, shape));
  const program = compile(optimize(graph), device);
  const allocate = ({ shape, dtype }: { shape: readonly number[]; dtype: string }) =>
    device.allocate(elements(shape), dtype as "i32");
  const given = Object.entries(inputsOf(spec, false));
  const inputs = Object.fromEntries(given.map(([name, input]) => [name, fill(allocate(input), input)]));
  const outputs = Object.fromEntries([...program.outputs].map(([name, type]) => [name, allocate(type)]));
  return async () => {
    await program.run(inputs, { outputs });
  };
}
