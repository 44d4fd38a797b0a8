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

/** One call: a graph of an op or a few, on operands by the names of their arguments. */
export interface Call {
  op: string;
  operands: Record<string, Checked | null>;
  /** What else the graph depends on. */
  attrs: Record<string, unknown>;
  build(operands: Record<string, Tensor | null>): Tensor[];
  signal: AbortSignal | undefined;
  /** Arrays that take the results; undefined where there is none. */
  out?: readonly unknown[] | undefined;
}

/** Attributes as a key: JSON, but for the numbers that it has not. */
const keyOf = (attrs: Record<string, unknown>): string =>
  JSON.stringify(attrs, (_, value: unknown) =>
    typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))
      ? `number ${Object.is(value, -0) ? "-0" : value}`
      : value,
  );

/**
 * Runs a call. All is checked and copied before it returns its promise; the promise is settled when no memory that was given is in
 * use any more.
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

/** The arrays for results, by output; each must hold its result. */
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

/** What a call of one op is told beside its operands and attributes. */
interface Told {
  signal?: AbortSignal | undefined;
  out?: readonly unknown[];
  /** Makes the op's own inputs of the operands; `form` names how. Default: they are the inputs. */
  prepare?: (operands: Record<string, Tensor | null>) => (Tensor | null)[];
  form?: string;
}

/** A call of one op with its attributes. */
export async function runDefinition<A>(
  definition: OpDefinition<A>,
  operands: Record<string, Checked | null>,
  attrs: A,
  { signal, out = [], prepare = Object.values, form }: Told = {},
): Promise<Result<AnyArray>[]> {
  // before they become a key: JSON takes some values for others
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

/** The one result of a call. */
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
