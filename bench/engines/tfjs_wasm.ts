import { serve } from "../harness/child.js";
import { bench, tfjs } from "../harness/tfjs.js";

await serve(
  tfjs(async (tf) => {
    bench("@tensorflow/tfjs-backend-wasm");
    await tf.setBackend("wasm");
    await tf.ready();
  }),
);
