// The entries of a batch, each alone: results must not depend on the batch.
import * as assert from "uvu/assert";
import { elements, type OpDefinition } from "#lib/graph/tensor.js";
import { bytesOf } from "../support/numbers.js";
import type { CaseValue } from "./case_input.js";
import type { Result } from "./compare.js";

export type AnyOp = OpDefinition<Record<string, unknown>>;
type Inputs = (CaseValue | null)[];

/** The indices of the inputs whose first axis is a batch. */
const batched = ({ operands }: AnyOp, inputs: Inputs, attrs: Record<string, unknown>): number[] =>
  operands.flatMap(({ batched: is }, slot) =>
    (typeof is === "function" ? is(inputs, attrs as never) : is) ? [slot] : [],
  );

/** Row `n` of every input with a row per clip. */
function rowOf(inputs: Inputs, slots: number[], n: number): Inputs {
  return inputs.map((x, slot) => {
    if (!x || !slots.includes(slot)) return x;
    const size = elements(x.shape.slice(1));
    const range = [n * size, (n + 1) * size] as const;
    return { ...x, shape: [1, ...x.shape.slice(1)], data: x.data.slice(...range), values: x.values.slice(...range) };
  });
}

/** Fails if the last entry of the batch has other bits alone. Does nothing where an op or a case has no batch. */
export async function checkLastAlone(
  op: AnyOp,
  inputs: Inputs,
  attrs: Record<string, unknown>,
  whole: Result[],
  run: (inputs: Inputs) => Promise<Result[]>,
): Promise<void> {
  const slots = batched(op, inputs, attrs);
  const clips = inputs[0]?.shape[0] ?? 0;
  if (slots.length === 0 || clips < 2) return;
  const alone = await run(rowOf(inputs, slots, clips - 1));
  alone.forEach((value, i) => {
    const bytes = bytesOf(whole[i].data);
    const part = bytesOf(value.data);
    assert.is(Buffer.compare(part, bytes.subarray(bytes.length - part.length)), 0, "the bits differ in another batch");
  });
}
