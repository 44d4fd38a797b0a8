// This package.
import { serve } from "../harness/child.js";
import { graphOf } from "../harness/graph.js";
import { programRun } from "../harness/program.js";
import { trainStep } from "../harness/train.js";

await serve(async (job) => {
  return job.spec.kind === "train" ? trainStep(job.spec, job) : programRun(graphOf(job.spec, false), job);
});
