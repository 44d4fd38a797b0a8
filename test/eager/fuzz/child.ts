// Random calls of the public ops in a separate process: node child.ts <ops module> <seed> <first> <last> <place file>.
// Before each call its index is written to the place file, so that the parent knows which call ended the process or
// hangs. Prints failures and the number of accepted calls; exits with 1 after a failure.
import { openSync, writeSync } from "node:fs";
import { inspect, isDeepStrictEqual } from "node:util";
import { pathToFileURL } from "node:url";
import type { Array64 } from "#lib/graph/tensor.js";
import { arrayKind } from "#lib/base/typed_arrays.js";
import { describeCall, makeCall } from "./call.js";
import { models } from "./models.js";
import { made, written } from "./values.js";

type Ops = Record<string, (...args: unknown[]) => Promise<unknown>> & { configure(options: object): void };
type Any = { data: Float32Array; shape?: number[]; dims?: number[] };
type Result = { data: Float32Array; shape: number[] };

const [, , module, seedText, first, last, place] = process.argv;
const seed = Number(seedText);
const ops = (await import(pathToFileURL(module).href)) as unknown as Ops;
process.constrainedMemory = () => 1 << 20; // larger requests are refused without an attempt
Error.stackTraceLimit = 3;
ops.configure({ device: "cpu", threads: 2 });

/** The arguments with the magnitudes of their float32 values. */
const magnitudes = (args: readonly unknown[]): unknown[] =>
  args.map((x) => {
    const { data } = (x ?? {}) as { data?: unknown };
    if (arrayKind(data) !== "Float32Array") return x;
    const shape = (x as Any).shape ?? (x as Any).dims;
    return { data: Float32Array.from(written.get(data as object) ?? (data as Float32Array), Math.abs), shape };
  });

const holdsNonFinite = (x: unknown): boolean => {
  const { data } = (x ?? {}) as { data?: unknown };
  const values = written.get(data as object) ?? (arrayKind(data) === "Float32Array" ? (data as Float32Array) : []);
  return values.some((v) => !Number.isFinite(v));
};

const largestOf = ({ data }: Array64): number =>
  data.reduce((most, v) => (Number.isFinite(v) ? Math.max(most, Math.abs(v)) : most), 1e-30);

/** Fails if a result differs from the reference, relative to `largest` as for sums of floats. */
function compare(got: Result, expected: Array64, largest: number, mayBeNaN = false): void {
  if (!isDeepStrictEqual([...got.shape], [...expected.shape]) || got.data.length !== expected.data.length)
    throw new Error(`${got.data.length} values ${inspect(got.shape)} for ${inspect(expected.shape)}`);
  const { data } = got;
  expected.data.forEach((v, i) => {
    const actual = data[i];
    const same = actual === v || (Number.isNaN(actual) && (mayBeNaN || Number.isNaN(v))) || actual === Math.fround(v);
    if (!same && !(Math.abs(actual - v) <= 2e-5 * largest)) throw new Error(`value ${i}: ${actual} for ${v}`);
  });
}

/** Fails for an error that the ops do not promise. */
function checkError(error: unknown, valid: boolean): void {
  const { code, message, details } = error as { code?: string; message?: string; details?: { argument?: string } };
  if (message === "aborted before") return;
  if (typeof code !== "string" || !code.startsWith("ERR_"))
    throw new Error(`an error without a code: ${inspect(error)}`);
  if (valid) throw new Error(`valid arguments were refused: ${message}`);
  if (code === "ERR_OUT_OF_MEMORY") return;
  if (!["ERR_INVALID_ARGUMENT", "ERR_SHAPE", "ERR_DTYPE"].includes(code)) throw new Error(`${code}: ${message}`);
  if (!details?.argument) throw new Error(`an error that names no argument: ${message}`);
}

/** @returns whether the op accepted the arguments */
async function check(index: number): Promise<boolean> {
  const { name, args, valid } = makeCall(seed, index);
  const { expect, results, linear, hides } = models[name];
  let value: unknown;
  try {
    const promise = ops[name](...args);
    for (const array of made) array.fill(77); // the op has copied its arguments
    value = await promise;
  } catch (error) {
    checkError(error, valid);
    return false;
  }
  const expected = expect(args as never[]);
  const list = results ? results.map((key) => (value as Record<string, unknown>)[key]) : [value];
  const scales = linear ? expect(magnitudes(args) as never[]) : expected;
  const mayBeNaN = hides === true && args.some(holdsNonFinite);
  list.forEach((result, i) => {
    const largest = largestOf(scales[i]);
    // a loss is a difference of sums
    if (typeof result === "number")
      compare({ data: Float32Array.of(result), shape: [1] }, expected[i], Math.max(1, largest)); // prettier-ignore
    else compare(result as Result, expected[i], largest, mayBeNaN);
  });
  return true;
}

const file = openSync(place, "w");
let [accepted, failures] = [0, 0];
for (let index = Number(first); index < Number(last) && failures < 10; index++) {
  writeSync(file, String(index).padStart(12), 0);
  try {
    if (await check(index)) accepted++;
  } catch (error) {
    failures++;
    process.stdout.write(`FAILED ${describeCall(seed, index)}: ${(error as Error).message}\n`);
  }
}
process.stdout.write(`accepted ${accepted}\n`);
process.exit(failures > 0 ? 1 : 0);
