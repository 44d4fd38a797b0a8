import { InvalidArgumentError } from "../../base/errors.js";
import { linear } from "../../ops/index.js";
import { applyOp, type Graph, input, trace } from "../../graph/trace.js";
import type { NDArray } from "../../base/nd_array.js";
import { block } from "./videoclip_rows.js";
import { isArrayOf } from "../../base/typed_arrays.js";

/** Rows and columns of one block of similarities. */
const BLOCK = 128;

type Run = (
  key: string,
  graph: () => Graph,
  inputs: Record<string, Float32Array>,
) => Promise<Record<string, Float32Array>>;

/** Rows to compare: a matrix, or its values alone. `{ rows }` is the deprecated form of earlier embeddings. */
export type ComparedRows = NDArray | Float32Array | { rows: Float32Array };

/** @throws InvalidArgumentError unless the values are whole rows */
export function checkRows(name: string, given: ComparedRows, dim: number): Float32Array {
  const values = isArrayOf("Float32Array", given) ? given : "data" in given ? given.data : given.rows;
  const shape = "shape" in given ? given.shape : undefined;
  const fits = shape === undefined || (shape.length === 2 && shape[1] === dim && shape[0] * dim === values.length);
  if (values.length % dim === 0 && fits) return values;
  const received = shape ? `[${shape.join(", ")}] with ${values.length} values` : `${values.length} values`;
  throw new InvalidArgumentError(`${name}: expected rows [n, ${dim}], received ${received}`, {
    argument: name,
    expected: ["n", dim],
    received: shape ?? values.length,
  });
}

/** All dot products of a f32 `[A, dim]` and b f32 `[B, dim]`, by blocks of one program: f32 `[A, B]`. */
export async function dotProducts(a: Float32Array, b: Float32Array, dim: number, run: Run): Promise<Float32Array> {
  const [A, B] = [a.length / dim, b.length / dim];
  const out = new Float32Array(A * B);
  const graph = () =>
    trace(() => {
      const [x, y] = ["a", "b"].map((name) => input(name, [BLOCK, dim]));
      return { y: applyOp(linear, [x, y, null], { outFeatures: BLOCK, activation: "none" })[0] };
    });
  for (let i = 0; i < A; i += BLOCK) {
    for (let j = 0; j < B; j += BLOCK) {
      const inputs = { a: block(a, i * dim, BLOCK * dim), b: block(b, j * dim, BLOCK * dim) };
      const { y } = await run("similarity", graph, inputs);
      const columns = Math.min(BLOCK, B - j);
      for (let row = 0; row < Math.min(BLOCK, A - i); row++)
        out.set(y.subarray(row * BLOCK, row * BLOCK + columns), (i + row) * B + j);
    }
  }
  return out;
}
