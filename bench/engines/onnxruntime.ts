// onnxruntime-node (CPU) on this package's export. Spinning is off, so that its threads sleep between runs.
import { createRequire } from "node:module";
import { elements } from "../../dist/graph/tensor.js";
import { serve } from "../harness/child.js";
import { fill, inputsOf } from "../harness/inputs.js";

const ARRAYS = { f32: Float32Array, i32: Int32Array, u8: Uint8Array };
const TYPES = { f32: "float32", i32: "int32", u8: "uint8" };

await serve(async ({ spec, threads, onnx }) => {
  const ort = createRequire(new URL("../package.json", import.meta.url))("onnxruntime-node");
  const session = await ort.InferenceSession.create(onnx, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: "all",
    extra: { session: { intra_op: { allow_spinning: "0" } } },
  });
  const inputs = Object.fromEntries(
    Object.entries(inputsOf(spec, true)).map(([name, input]) => {
      const data = fill(new ARRAYS[input.dtype](elements(input.shape)), input);
      return [name, new ort.Tensor(TYPES[input.dtype], data, input.shape)];
    }),
  );
  const { y } = await session.run(inputs);
  return async () => {
    await session.run(inputs, { y }); // into an existing array, like this package
  };
});
