import { serve } from "../harness/child.js";
import { tfjs } from "../harness/tfjs.js";

await serve(
  tfjs(async (tf) => {
    await tf.setBackend("cpu");
    await tf.ready();
  }),
);
