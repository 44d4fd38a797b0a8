// This package. Input and output arrays are the device's and made once; what is timed is a run of the compiled program.
import { createDevice } from "../../dist/device.js";
import { optimize } from "../../dist/graph/passes/index.js";
import { compile } from "../../dist/graph/program.js";
import { elements } from "../../dist/graph/tensor.js";
import { parametersOf } from "../../dist/models/parameters.js";
import { serve } from "../harness/child.js";
import { graphOf, weightOf } from "../harness/graph.js";
import { inputShape } from "../harness/spec.js";

await serve(async ({ spec, threads, precision }) => {
  const device = createDevice({ threads, precision });
  const graph = graphOf(spec, false);
  for (const [key, shape] of parametersOf(graph)) device.parameters.set(key, shape, weightOf(key, shape));
  const program = compile(optimize(graph), device);
  const x = device.allocate(elements(inputShape(spec)));
  for (let i = 0; i < x.length; i++) x[i] = Math.sin(i);
  const y = device.allocate(elements(program.outputs.get("y")!.shape));
  return async () => {
    await program.run({ x }, { outputs: { y } });
  };
});
