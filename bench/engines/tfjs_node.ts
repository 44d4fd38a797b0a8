// The native TensorFlow backend, if it is installed: its package downloads a library, so it is not a dependency.
import { serve } from "../harness/child.js";
import { bench, tfjs } from "../harness/tfjs.js";

await serve(
  tfjs(async (tf) => {
    bench("@tensorflow/tfjs-node");
    await tf.setBackend("tensorflow");
    await tf.ready();
  }),
);
