// This package. Input and output arrays are the device's and made once; what is timed is a run of the compiled program.
import { createDevice } from "../../dist/device.js";
import { optimize } from "../../dist/graph/passes/index.js";
import { compile } from "../../dist/graph/program.js";
import { elements } from "../../dist/graph/tensor.js";
import { parametersOf } from "../../dist/models/parameters.js";
import { serve } from "../harness/child.js";
import { graphOf, weightOf } from "../harness/graph.js";
import { fill, inputsOf } from "../harness/inputs.js";
import { trainStep } from "../harness/train.js";

await serve(async (job) => {
  const { spec, threads, precision } = job;
  if (spec.kind === "train") return trainStep(spec, job);
  const device = createDevice({ threads, precision });
  const graph = graphOf(spec, false);
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
});
