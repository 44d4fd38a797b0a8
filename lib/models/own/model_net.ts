// A net is the function that describes a model. Tracing it gives its parameters and outputs.
import { describeValue } from "../../base/describe_value.js";
import { InvalidArgumentError, ShapeError } from "../../base/errors.js";
import { sameShape, Tensor } from "../../graph/tensor.js";
import { type Graph, input, PARAMETER, sortGraph, trace, withoutUnread } from "../../graph/trace.js";
import type { InitialValue } from "../../nn/initial.js";
import { initialOf } from "../../nn/parameters.js";
import type { InputType } from "./model_inputs.js";
import { type EncoderLayer, withEncoders } from "./net_encoders.js";
import type { ParameterShapes } from "../../weights/load_into.js";
import { parametersOf } from "../parameters.js";

/**
 * The function that describes a model: takes a tensor for each input, in the order of `inputs`, and returns named
 * tensors whose first axis is the batch. It only describes the computation, and is called again for each batch size. It
 * must not mix the rows of a batch.
 */
export type Net<O extends string = string> = (...inputs: Tensor[]) => Record<O, Tensor>;

/** Parameters and outputs of a net. */
export interface NetFacts {
  shapes: ParameterShapes;
  /** Initial values that the net defines. */
  initial: ReadonlyMap<string, InitialValue>;
  /** Shape of each output of one example. */
  outputs: ReadonlyMap<string, readonly number[]>;
  encoders: ReadonlyMap<string, EncoderLayer>;
}

/** Calls the net on tensors. @throws InvalidArgumentError when it returns anything but named f32 tensors of the batch */
export function applyNet(
  net: Net,
  tensors: readonly Tensor[],
): { result: Record<string, Tensor>; encoders: Map<string, EncoderLayer> } {
  const called = withoutUnread(
    () => withEncoders(() => net(...tensors)),
    (made) => Object.values(made.result ?? {}).filter((value) => value instanceof Tensor),
  );
  const { result } = called;
  const expected = "the net: expected an object of named tensors, such as { logits }";
  if (result instanceof Tensor || typeof result !== "object" || result === null) {
    const received = result instanceof Tensor ? "a tensor alone" : describeValue(result);
    throw new InvalidArgumentError(`${expected}, received ${received}`, { argument: "net", received: result });
  }
  const entries = Object.entries(result);
  if (entries.length === 0) throw new InvalidArgumentError(`${expected}, received none`, { argument: "net" });
  const [N] = tensors[0].shape;
  for (const [name, value] of entries) {
    if (!(value instanceof Tensor)) {
      throw new InvalidArgumentError(`the net: ${name}: expected a tensor, received ${describeValue(value)}`, {
        argument: name,
        received: value,
      });
    }
    if (value.dtype === "f32" && value.shape[0] === N) continue;
    throw new ShapeError(
      `the net: ${name}: expected f32 values of ${N} examples [${N}, ...], received ${value.dtype} [${value.shape.join(", ")}]`,
      { argument: name, expected: N, received: value.shape },
    );
  }
  return called;
}

/** The graph of a net for `count` examples. */
export const traceNet = (net: Net, types: ReadonlyMap<string, InputType>, rows: number): Graph =>
  trace(() => applyNet(net, inputsOf(types, rows)).result);

const inputsOf = (types: ReadonlyMap<string, InputType>, rows: number): Tensor[] =>
  [...types].map(([name, { shape, dtype }]) => input(name, [rows, ...shape], dtype));

/**
 * Traces a net for one and for two examples.
 * @throws InvalidArgumentError for an invalid net; ShapeError when layers do not fit, or when the number of examples
 * changes parameters or the outputs of one example
 */
export function netFacts(net: Net, types: ReadonlyMap<string, InputType>): NetFacts {
  if (typeof net !== "function") {
    throw new InvalidArgumentError(`net: expected a function of tensors, received ${describeValue(net)}`, {
      argument: "net",
      received: net,
    });
  }
  const [one, two] = [1, 2].map((rows) => factsFor(net, types, rows));
  compare("parameter", one.shapes, two.shapes);
  compare("output", one.outputs, two.outputs);
  return one;
}

function factsFor(net: Net, types: ReadonlyMap<string, InputType>, rows: number): NetFacts {
  let encoders = new Map<string, EncoderLayer>();
  const graph = sortGraph(
    trace(() => {
      const called = applyNet(net, inputsOf(types, rows));
      encoders = called.encoders;
      return called.result;
    }),
  );
  const initial = graph.nodes.flatMap((node): [string, InitialValue][] => {
    const value = node.op === PARAMETER ? initialOf(node.outputs[0]) : undefined;
    return value === undefined ? [] : [[node.attrs.key as string, value]];
  });
  const outputs = new Map([...graph.outputs].map(([name, { shape }]) => [name, shape.slice(1)]));
  return { shapes: parametersOf(graph), initial: new Map(initial), outputs, encoders };
}

function compare(what: string, one: NetFacts["outputs"], two: NetFacts["outputs"]): void {
  for (const name of new Set([...one.keys(), ...two.keys()])) {
    const [a, b] = [one.get(name), two.get(name)];
    if (a && b && sameShape(a, b)) continue;
    const [first, second] = [a, b].map((shape) => (shape ? `[${shape.join(", ")}]` : "missing"));
    throw new ShapeError(
      `the net: ${what} ${name} is ${first} for a batch of one example and ${second} for two: it must not depend on the batch, ` +
        "which is the first axis of every tensor",
      { argument: name, expected: a, received: b },
    );
  }
}
