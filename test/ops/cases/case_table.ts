// A registry of the test cases of ops; each op has a file beside this one.
import type { DType, OpDefinition } from "#lib/graph/tensor.js";

/** An input of a case: uniform in [-scale, scale] + shift, or small integers (exact sums) when `integer` is set. */
export interface CaseInput {
  shape: readonly number[];
  scale?: number | undefined;
  shift?: number | undefined;
  integer?: number | undefined;
  dtype?: DType | undefined;
}

/** One row of the shape table of an op: every backend is compared with `reference` on it. */
export interface OpCase<A> {
  name: string;
  inputs: (CaseInput | null)[];
  attrs: A;
}

const tables = new Map<string, OpCase<never>[]>();

/**
 * Defines the shape table of an op: one element, odd and prime sizes, more than a tile, absent optional operands, exact
 * sums.
 */
export function defineCases<A>(op: OpDefinition<A>, rows: OpCase<A>[]): void {
  tables.set(op.name, rows as OpCase<never>[]);
}

/** The shape table of an op. @throws Error if it has none */
export function casesOf<A>({ name }: OpDefinition<A>): OpCase<A>[] {
  const rows = tables.get(name);
  if (rows === undefined) throw new Error(`test/ops/cases has no table for ${name}`);
  return rows as unknown as OpCase<A>[];
}
