// The yardstick of a contrastive loss: the three products, by this package's own kernel, of one that stores its scores.
import { serve } from "../harness/child.js";
import { productsOf } from "../harness/graph.js";
import { programRun } from "../harness/program.js";

await serve(async (job) => {
  if (job.spec.kind !== "contrastive") throw new Error("a yardstick of contrastive losses alone");
  return programRun(productsOf(job.spec), job);
});
