import type { Graph } from "../../graph/trace.js";
import { deadCode } from "./dead_code.js";
import { foldBatchNorm } from "./fold_batch_norm.js";
import { foldCrop } from "./fold_crop.js";
import { fuseEpilogue } from "./fuse_epilogue.js";
import { lazyGate } from "./lazy_gate.js";
import { mergeLinear } from "./merge_linear.js";
import { mergePointwise } from "./merge_pointwise.js";

export { deadCode, foldBatchNorm, foldCrop, fuseEpilogue, lazyGate, mergeLinear, mergePointwise };

/** The rewrites of an inference graph. The order matters: each one prepares the next. */
export function optimize(graph: Graph): Graph {
  for (const pass of [foldBatchNorm, fuseEpilogue, foldCrop, mergePointwise, mergeLinear, lazyGate, deadCode]) {
    pass(graph);
    deadCode(graph);
  }
  return graph;
}
