// onnxruntime-node (CPU) on this package's own export. Spinning is off, so that its threads sleep between runs.
import { createRequire } from "node:module";
import { elements } from "../../dist/graph/tensor.js";
import { serve } from "../harness/child.js";
import { inputShape } from "../harness/spec.js";

await serve(async ({ spec, threads, onnx }) => {
  const ort = createRequire(new URL("../package.json", import.meta.url))("onnxruntime-node");
  const session = await ort.InferenceSession.create(onnx, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: "all",
    extra: { session: { intra_op: { allow_spinning: "0" } } },
  });
  const [N, T, H, W, C] = inputShape(spec);
  const data = Float32Array.from({ length: elements([N, T, H, W, C]) }, (_, i) => Math.sin(i));
  const x = new ort.Tensor("float32", data, [N, C, T, H, W]);
  const { y } = await session.run({ x });
  return async () => {
    await session.run({ x }, { y }); // as for us, into an array that is there already
  };
});
