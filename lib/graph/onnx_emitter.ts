// Axis orders of ONNX graphs. Ops write their ONNX form through the interface `OnnxEmitter` in tensor.ts.
export type { OnnxAttribute, OnnxEmitter, OnnxNode, OnnxValue } from "./tensor.js";

/** Axis order of a channels-first value of a channels-last tensor: `[0, rank - 1, 1, ..., rank - 2]`. */
export function channelsFirst(rank: number): number[] {
  return Array.from({ length: rank }, (_, i) => (i === 0 ? 0 : i === 1 ? rank - 1 : i - 1));
}

/** The identity permutation: axis `i` is axis `i`. */
export function identityAxes(rank: number): number[] {
  return Array.from({ length: rank }, (_, i) => i);
}
