// The baseline of a contrastive loss: the three matrix products of an implementation that stores its scores, by this
// package's kernel.
import { serve } from "../harness/child.js";
import { productsOf } from "../harness/graph.js";
import { programRun } from "../harness/program.js";

await serve(async (job) => {
  if (job.spec.kind !== "contrastive") throw new Error("a yardstick of contrastive losses alone");
  return programRun(productsOf(job.spec), job);
});
