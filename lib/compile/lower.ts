// From a portable graph to one of a backend: storage types, weight layouts and the kernels that only this backend has.
import type { Precision } from "../base/dtypes.js";
import { DTypeError } from "../base/errors.js";
import { callName } from "../graph/rules.js";
import type { CpuLayout, OpDefinition } from "../graph/tensor.js";
import { type Graph, INPUT } from "../graph/trace.js";
import { splitBf16 } from "../ops/index.js";
import { castPrecision, onCpu, takesBf16 } from "./passes/cast_precision.js";
import { chooseBf16, inTraining } from "./passes/choose_bf16.js";
import { chooseWinograd } from "./passes/choose_winograd.js";
import { copyOutputs } from "./passes/copy_outputs.js";
import { fuseExpansion } from "./passes/fuse_expansion.js";
import { gpuWeights } from "./passes/gpu_weights.js";
import { joinGates } from "./passes/join_gates.js";
import { meansFromSums } from "./passes/means_from_sums.js";
import { packWeights } from "./passes/pack_weights.js";
import { splitProducts } from "./passes/split_products.js";
import { swishInputs } from "./passes/swish_inputs.js";

/** The facts of a device that decide how a graph is lowered. */
export interface Target extends CpuLayout {
  readonly isGpu: boolean;
  readonly precision: Precision;
  /** Whether convolutions may use Winograd's minimal filtering. */
  readonly winograd: boolean;
}

/** Rewrites a graph in place for a target. @throws DTypeError where a CPU would have to compute on 16-bit floats */
export function lower(graph: Graph, target: Target): void {
  copyOutputs(graph);
  if (target.isGpu) lowerToGpu(graph, target);
  else lowerToCpu(graph, target);
}

function lowerToGpu(graph: Graph, target: Target): void {
  castPrecision(graph, target.precision === "bf16" || target.precision === "f16" ? target.precision : "f32");
  meansFromSums(graph);
  joinGates(graph);
  gpuWeights(graph);
}

function lowerToCpu(graph: Graph, target: Target): void {
  const bf16 = target.precision === "bf16";
  if (target.winograd && target.precision !== "bf16x3") chooseWinograd(graph, bf16 ? 2 : 1);
  if (bf16) {
    chooseBf16(graph);
    castPrecision(graph, "bf16", graph.updates.size > 0 ? inTraining : onCpu);
  } else {
    if (target.precision === "bf16x3" && graph.updates.size === 0) splitProducts(graph);
    swishInputs(graph);
    fuseExpansion(graph);
  }
  packWeights(graph, target);
  for (const node of graph.nodes) {
    if (node.op.halvesOnCpu) continue;
    const split = node.op === (splitBf16 as OpDefinition<never>);
    const fits = split || node.op.isView || takesBf16(node.op, node.attrs, node.inputs);
    const half = [...node.inputs, ...node.outputs].find((x) => (x?.dtype === "bf16" && !fits) || x?.dtype === "f16");
    if (half) {
      const argument = half.node.op === INPUT ? String(half.node.attrs.name) : undefined;
      throw new DTypeError(
        `${callName(node.op.name)}: ${argument ?? "operands"}: expected f32 on a CPU, received ${half.dtype} (this op takes 16-bit floats on a GPU alone)`,
        { op: node.op.name, expected: "f32", received: half.dtype, ...(argument ? { argument } : {}) },
      );
    }
  }
}
