// Orders of axes in ONNX graphs. The interface that ops write their ONNX form with is `OnnxEmitter` in tensor.ts.
export type { OnnxAttribute, OnnxEmitter, OnnxNode, OnnxValue } from "./tensor.js";

/** Order of axes of a channels-first value of a channels-last tensor: `[0, rank - 1, 1, ..., rank - 2]`. */
export function channelsFirst(rank: number): number[] {
  return Array.from({ length: rank }, (_, i) => (i === 0 ? 0 : i === 1 ? rank - 1 : i - 1));
}

/** The order that lies in no particular way: axis `i` is axis `i`. */
export function ownOrder(rank: number): number[] {
  return Array.from({ length: rank }, (_, i) => i);
}
