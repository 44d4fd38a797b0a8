import { callName, checkAttributes, wrongArgument } from "../graph/rules.js";
import { compile } from "../runtime/compile.js";
import type { Program, ProgramOutputs } from "../runtime/program.js";
import { elements, type OpDefinition, ITEM_SIZE, type Tensor } from "../graph/tensor.js";
import { applyOp, input, trace } from "../graph/trace.js";
import { checkMemory } from "../base/memory_limit.js";
import { arrayKind, arrayLength, KINDS } from "../base/typed_arrays.js";
import { openDevice, programs } from "./device.js";
import type { AnyArray } from "./array_types.js";
import { type Checked, readOptional } from "./operand.js";
import { checkSignal } from "./options.js";
import { makeResult, type Result, seenResult } from "./result.js";

/** One call: a graph of one or a few ops, on operands by argument name. */
export interface Call {
  op: string;
  operands: Record<string, Checked | null>;
  /** Attributes of the graph. */
  attrs: Record<string, unknown>;
  build(operands: Record<string, Tensor | null>): Tensor[];
  signal: AbortSignal | undefined;
  /** Arrays for the results; undefined for none. */
  out?: readonly unknown[] | undefined;
}

/** Attributes as a key: JSON, extended to the numbers that JSON cannot represent. */
const keyOf = (attrs: Record<string, unknown>): string =>
  JSON.stringify(attrs, (_, value: unknown) =>
    typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))
      ? `number ${Object.is(value, -0) ? "-0" : value}`
      : value,
  );

/**
 * Runs a call. Everything is checked and copied before the promise is returned; the promise settles when the caller's
 * memory is no longer in use.
 */
export async function runCall({ op, operands, attrs, build, signal, out = [] }: Call): Promise<Result<AnyArray>[]> {
  checkSignal(op, signal);
  const given = Object.entries(operands).filter((entry): entry is [string, Checked] => entry[1] !== null);
  const types = given.map(([name, { dtype, shape }]) => `${name}:${dtype}[${shape.join()}]`);
  const program = programs.get(`${op} ${types.join(" ")} ${keyOf(attrs)}`, () => {
    const graph = trace(() => {
      const tensors = Object.entries(operands).map(([name, x]) => [name, x && input(name, x.shape, x.dtype)]);
      return Object.fromEntries(build(Object.fromEntries(tensors)).map((y, i) => [`y${i}`, y]));
    });
    return compile(graph, openDevice());
  });
  const outputs = readOut(op, program, out);
  checkMemory(callName(op), [...program.outputs.values()].map(bytesOf), program.bytes);
  const taken = Object.values(outputs);
  const inputs = given.map(([name, { data }]) => [
    name,
    taken.some((array) => overlap(array, data)) ? data.slice() : data,
  ]);
  const unseen = given.flatMap(([, { held }]) => (held ? [held] : []));
  for (const held of unseen) held.readers++;
  try {
    const values = await program.run<ProgramOutputs>(Object.fromEntries(inputs), {
      ...(signal ? { signal } : {}),
      outputs,
      results: new Set(given.filter(([, { held }]) => held).map(([name]) => name)),
    });
    return [...program.outputs].map(([name, { shape, dtype }]) =>
      (name in outputs ? seenResult : makeResult)(values[name], shape, dtype),
    );
  } finally {
    for (const held of unseen) held.readers--;
  }
}

const bytesOf = ({ shape, dtype }: Tensor) => elements(shape) * ITEM_SIZE[dtype];

/** Whether two arrays share memory. */
const overlap = (a: AnyArray, b: AnyArray): boolean =>
  a.buffer === b.buffer && a.byteOffset < b.byteOffset + b.byteLength && b.byteOffset < a.byteOffset + a.byteLength;

/** The arrays for results, by output; each must fit its result. */
function readOut(op: string, program: Program, out: readonly unknown[]): ProgramOutputs {
  const arrays: ProgramOutputs = {};
  [...program.outputs].forEach(([name, tensor], i) => {
    const array = out[i];
    if (array === undefined) return;
    const kind = arrayKind(array);
    if (!kind || !KINDS[tensor.dtype].includes(kind) || arrayLength(array as AnyArray) !== elements(tensor.shape)) {
      const expected = `a ${KINDS[tensor.dtype][0]} of ${elements(tensor.shape)} values`;
      throw wrongArgument(op, "out", expected, array, `the result is ${tensor.dtype} [${tensor.shape.join(", ")}]`);
    }
    arrays[name] = array as AnyArray;
  });
  return arrays;
}

/** Options of a call of one op, besides operands and attributes. */
interface DefinitionOptions {
  signal?: AbortSignal | undefined;
  out?: readonly unknown[];
  /** Makes the op's inputs from the operands; `form` names the conversion. Default: the operands are the inputs. */
  prepare?: (operands: Record<string, Tensor | null>) => (Tensor | null)[];
  form?: string;
}

/** A call of one op with its attributes. */
export async function runDefinition<A>(
  definition: OpDefinition<A>,
  operands: Record<string, Checked | null>,
  attrs: A,
  { signal, out = [], prepare = Object.values, form }: DefinitionOptions = {},
): Promise<Result<AnyArray>[]> {
  // checked before they become a key, because JSON writes some different values alike
  if (definition.attributes) checkAttributes(definition.name, definition.attributes, attrs);
  return runCall({
    op: definition.name,
    operands,
    attrs: { ...attrs, form },
    build: (tensors) => applyOp(definition, prepare(tensors), attrs),
    signal,
    out,
  });
}

/** The result of a call with one result. */
export async function only<T>(results: Promise<Result<AnyArray>[]>): Promise<Result<T>> {
  return (await results)[0] as Result<T>;
}

/** Runs any op of the package once. @internal */
export async function runOp<A, R extends unknown[] = Result[]>(
  op: OpDefinition<A>,
  inputs: readonly unknown[],
  attrs: A,
  call: { signal?: AbortSignal | undefined } = {},
): Promise<R> {
  const operands = inputs.map((x, i) => [`x${i}`, readOptional(op.name, `argument ${i}`, x)]);
  return (await runDefinition(op, Object.fromEntries(operands) as Record<string, Checked | null>, attrs, call)) as R;
}
