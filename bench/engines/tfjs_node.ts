// The native TensorFlow backend, where somebody has installed it: its package downloads a library, so it is no dependency.
import { serve } from "../harness/child.js";
import { bench, tfjs } from "../harness/tfjs.js";

await serve(
  tfjs(async (tf) => {
    bench("@tensorflow/tfjs-node");
    await tf.setBackend("tensorflow");
    await tf.ready();
  }),
);
