// The inputs of a case: the same values for every engine.
import { inputShape, type Spec } from "./spec.js";

export interface CaseInput {
  shape: number[];
  dtype: "f32" | "i32" | "u8";
  /** Value at a flat index. */
  at(i: number): number;
}

/** The first id of a word; lower ids are special tokens. */
const FIRST_WORD = 1000;
const WORDS = 28000;

/** @param channelsFirst videos are `[N, C, T, H, W]`, as in other engines */
export function inputsOf(spec: Spec, channelsFirst: boolean): Record<string, CaseInput> {
  if (spec.kind === "text") {
    const shape = [spec.rows, spec.tokens];
    const ids: CaseInput = { shape, dtype: "i32", at: (i) => FIRST_WORD + ((i * 7919) % WORDS) };
    const types: CaseInput = { shape, dtype: "i32", at: () => 0 };
    const mask: CaseInput = { shape, dtype: "u8", at: () => 1 };
    if (spec.model === "bert") return { ids, types, mask };
    return { ids, types, mask, present: { shape: [...shape, 1], dtype: "f32", at: () => 1 } };
  }
  if (spec.kind === "top_k") {
    // three periods without a common divisor, so that no two rows of a case are equal
    const at = (i: number) => ((i % 1013) + (i % 4093) + (i % 8191)) / 13297 - 0.5;
    const rows: CaseInput = { shape: [spec.rows, spec.width], dtype: "f32", at };
    return { query: { shape: [1, spec.width], dtype: "f32", at: Math.sin }, rows };
  }
  if (spec.kind === "contrastive") {
    const shape = [spec.rows, spec.width];
    const side = (step: number): CaseInput => ({ shape, dtype: "f32", at: (i) => 0.06 * Math.sin(i * step) });
    return { a: side(1), b: side(0.7) };
  }
  if (spec.kind === "train") throw new Error("trainBatch makes the batch of a step");
  const [N, T, H, W, C] = inputShape(spec);
  return { x: { shape: channelsFirst ? [N, C, T, H, W] : [N, T, H, W, C], dtype: "f32", at: Math.sin } };
}

/** Writes the values of an input into an array of its size. */
export function fill<A extends Float32Array | Int32Array | Uint8Array>(array: A, { at }: CaseInput): A {
  for (let i = 0; i < array.length; i++) array[i] = at(i);
  return array;
}
