import { DTypeError, InvalidArgumentError, ShapeError } from "../base/errors.js";
import { checkShape } from "./operands.js";
import { checkAttributes } from "./rules.js";
import { type DType, type Node, type OpDefinition, Tensor, type TensorType } from "./tensor.js";

/** A traced computation. Passes rewrite it in place; `sortGraph` restores the order and drops unused nodes. */
export interface Graph {
  /** @internal */
  nodes: Node[];
  inputs: Map<string, Tensor>;
  /** Numbers that each run gets anew (learning rate, step, seed), in the order of the scalar space. */
  scalars: Map<string, Tensor>;
  outputs: Map<string, Tensor>;
  /** The new values of parameters, by key. */
  updates: Map<string, Tensor>;
}

/** A graph with the nodes of these outputs, once it is sorted. */
export const graphOf = (outputs: Map<string, Tensor>): Graph => ({
  nodes: [],
  inputs: new Map(),
  scalars: new Map(),
  outputs,
  updates: new Map(),
});

const source = (name: string): OpDefinition<never> => ({
  name,
  operands: [],
  halvesOnCpu: true,
  shape: () => [],
  reference: () => [],
});

/** Values that enter a graph: no instruction computes them. */
export const INPUT = source("input");
export const SCALAR = source("scalar");
export const PARAMETER = source("parameter");

interface Tracer {
  graph: Graph;
  scope: string[];
  /** Prefix of the keys of parameters: `encoder.` inside `withKeyPrefix("encoder", ...)`. */
  prefix: string;
  parameters: Map<string, Tensor>;
  /** Nodes of this trace. Tensors of other traces are refused. */
  nodes: Set<Node>;
  probes: boolean;
  training?: Training;
  /** Whether the trace is inside `frozen`, where layers behave as in inference. */
  frozen: boolean;
  /** Keys of the parameters that were used inside `frozen`. */
  frozenKeys: Set<string>;
}

/** Facts about training that layers need. */
export interface Training {
  /** Default probability of `nn.dropout`. */
  dropout: number;
  /** Number of the next dropout, which has its random stream by this number. */
  nextStream: number;
  /** Whether training does not change a parameter, by key. */
  isFrozen: (key: string) => boolean;
}

let current: Tracer | undefined;

function tracer(): Tracer {
  if (!current) {
    throw new InvalidArgumentError(
      "Layers can only be applied inside the function that describes a model (that of Model.create, or of trace): they " +
        "describe what is computed, and compute nothing themselves",
    );
  }
  return current;
}

/** @throws InvalidArgumentError outside of a trace */
export function tracing(): void {
  tracer();
}

/**
 * Runs `build` over symbolic tensors and returns the graph of its operations.
 * @param options.training layers behave as in training: dropout (with this probability), statistics of the batch
 * @param options.probes adds an output `stage.NAME` for every value passed to `probe(NAME, value)`
 */
export function trace(
  build: () => Record<string, Tensor>,
  options: {
    probes?: boolean | undefined;
    training?: { dropout?: number | undefined; isFrozen?: ((key: string) => boolean) | undefined } | undefined;
  } = {},
): Graph {
  const graph = graphOf(new Map());
  const outer = current;
  const { dropout = 0, isFrozen = () => false } = options.training ?? {};
  current = {
    graph,
    scope: [],
    prefix: "",
    parameters: new Map(),
    nodes: new Set(),
    probes: options.probes ?? false,
    training: options.training && { dropout, nextStream: 0, isFrozen },
    frozen: false,
    frozenKeys: new Set(),
  };
  try {
    for (const [name, tensor] of Object.entries(build())) graph.outputs.set(name, tensor);
  } finally {
    current = outer;
  }
  return graph;
}

function addSource(op: OpDefinition<never>, attrs: Record<string, unknown>, shape: readonly number[], dtype: DType) {
  checkShape(op.name, String(attrs.name ?? attrs.key), shape);
  const node: Node = { op, attrs, inputs: [], outputs: [], layer: tracer().scope.join(".") };
  const tensor = new Tensor(node, 0, shape, dtype);
  node.outputs.push(tensor);
  addNode(node);
  return tensor;
}

function addNode(node: Node): void {
  const { graph, nodes } = tracer();
  graph.nodes.push(node);
  nodes.add(node);
}

/** A named input of the program. */
export function input(name: string, shape: readonly number[], dtype: DType = "f32"): Tensor {
  const tensor = addSource(INPUT, { name }, shape, dtype);
  tracer().graph.inputs.set(name, tensor);
  return tensor;
}

/**
 * Numbers `[size]` of the program that change from run to run and are not data: a learning rate, a step, a seed. They
 * travel with the call and need no transfer. The same name gives the same tensor.
 */
export function scalar(name: string, size = 1, dtype: "f32" | "i32" = "f32"): Tensor {
  const { scalars } = tracer().graph;
  const found = scalars.get(name);
  if (found?.shape[0] === size && found.dtype === dtype) return found;
  if (found) throw new InvalidArgumentError(`scalar ${name}: traced with another size or type before`);
  const tensor = addSource(SCALAR, { name }, [size], dtype);
  scalars.set(name, tensor);
  return tensor;
}

/**
 * Sets the new value of a parameter. Every node of the program reads the old value, in any order. The new value is
 * written in place if the op allows it, otherwise copied at the end of the run.
 * @throws InvalidArgumentError when `target` is not a parameter or already has an update
 * @throws ShapeError when the value has another shape or dtype
 */
export function update(target: Tensor, value: Tensor): void {
  const key = target.node.attrs.key as string;
  const { updates } = tracer().graph;
  if (target.node.op !== PARAMETER) {
    throw new InvalidArgumentError(`update: expected a parameter, received the output of ${target.node.op.name}`);
  }
  if (updates.has(key)) throw new InvalidArgumentError(`update: parameter ${key} is updated twice`);
  if (value.shape.join() !== target.shape.join() || value.dtype !== target.dtype) {
    throw new ShapeError(
      `update of ${key}: expected ${target.dtype} [${target.shape.join(", ")}], received ${value.dtype} [${value.shape.join(", ")}]`,
      { key, expected: target.shape, received: value.shape },
    );
  }
  updates.set(key, value);
}

/** Whether the parameter already has an update. */
export const isUpdated = (key: string): boolean => tracer().graph.updates.has(fullKey(key));

/**
 * Runs `body` and removes the updates that do not lie on the way to the tensors it returns: running statistics of
 * unused layers.
 */
export function withoutUnread<T>(body: () => T, tensorsOf: (result: T) => readonly Tensor[]): T {
  const { updates } = tracer().graph;
  const before = new Set(updates.keys());
  const result = body();
  const read = nodesBelow(tensorsOf(result));
  for (const [key, value] of updates) if (!before.has(key) && !read.has(value.node)) updates.delete(key);
  return result;
}

/** Nodes that tensors depend on, including their nodes. */
export function nodesBelow(tensors: readonly Tensor[]): Set<Node> {
  const seen = new Set<Node>();
  // without recursion: a very deep network would overflow the stack
  const stack = tensors.map(({ node }) => node);
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (seen.has(node)) continue;
    seen.add(node);
    for (const x of node.inputs) if (x) stack.push(x.node);
  }
  return seen;
}

/**
 * Removes and returns the pending parameter updates, so that the caller (the optimizer) can decide whether to apply
 * them.
 */
export function takeUpdates(): { parameter: Tensor; next: Tensor }[] {
  const { graph, parameters } = tracer();
  const taken = [...graph.updates].map(([key, next]) => ({ parameter: parameters.get(key)!, next }));
  graph.updates.clear();
  return taken;
}

/**
 * A parameter by its published key, in its published shape. The same key gives the same tensor.
 * @throws ShapeError when the key was used with another shape or dtype before
 */
export function parameter(name: string, shape: readonly number[], dtype: "f32" | "f16" = "f32"): Tensor {
  const { parameters, frozen, frozenKeys } = tracer();
  const key = fullKey(name);
  if (frozen) frozenKeys.add(key);
  const found = parameters.get(key);
  if (!found) {
    const tensor = addSource(PARAMETER, { key }, shape, dtype);
    parameters.set(key, tensor);
    return tensor;
  }
  if (found.shape.join() === shape.join() && found.dtype === dtype) return found;
  throw new ShapeError(
    `parameter ${key}: expected ${found.dtype} [${found.shape.join(", ")}], as where it was used before, received ` +
      `${dtype} [${shape.join(", ")}]: layers with the same key share their parameters, so give each a separate key`,
    { key, expected: found.shape, received: shape },
  );
}

/** A key with the prefixes of the enclosing `withKeyPrefix` calls. */
export const fullKey = (key: string): string => tracer().prefix + key;

/** Adds the prefix `prefix.` to the keys of the parameters that `body` uses. */
export function withKeyPrefix<T>(prefix: string, body: () => T): T {
  return within("prefix", `${tracer().prefix}${prefix}.`, body);
}

function within<F extends "prefix" | "frozen", T>(field: F, value: Tracer[F], body: () => T): T {
  const now = tracer();
  const before = now[field];
  now[field] = value;
  try {
    return body();
  } finally {
    now[field] = before;
  }
}

/**
 * Parameters that `body` uses are not trained, and its layers behave as in inference: BatchNorm uses the running
 * statistics, dropout drops nothing. Gradients still flow through them to earlier values.
 */
export const frozen = <T>(body: () => T): T => within("frozen", true, body);

/** Whether a parameter is not trained: it was used inside `frozen`, or the optimizer freezes its full key. */
export function isFrozen(key: string): boolean {
  const { training: now, frozenKeys } = tracer();
  return frozenKeys.has(key) || now?.isFrozen(key) === true;
}

/** The training settings of a training graph; undefined in inference and inside `frozen`. */
export const training = (): Training | undefined => (tracer().frozen ? undefined : tracer().training);

/** Names the layers applied inside `body`, for errors and `inspect`. */
export function scope<T>(name: string, body: () => T): T {
  const { scope: names } = tracer();
  names.push(name);
  try {
    return body();
  } finally {
    names.pop();
  }
}

/** Prefix of the outputs that probes add. Stored fixtures have it in their keys. */
const PROBE_PREFIX = "stage.";

/** Marks an intermediate value: tests compare it, and the graph has it as an output only when traced with `probes`. */
export function probe(name: string, value: Tensor): Tensor {
  const { graph, probes } = tracer();
  if (probes) graph.outputs.set(`${PROBE_PREFIX}${name}`, value);
  return value;
}

/** The same error with the name of the model's layer. */
export function withLayer(error: InvalidArgumentError, layer: string): InvalidArgumentError {
  const kind = [ShapeError, DTypeError].find((type) => error instanceof type) ?? InvalidArgumentError;
  return new kind(`layer ${layer}: ${error.message}`, { ...error.details, layer });
}

/**
 * Makes a node outside a trace, for passes.
 * @throws InvalidArgumentError for attributes that break the op's rules; ShapeError, DTypeError for inputs that do not
 * fit
 */
export function makeNode<A>(op: OpDefinition<A>, inputs: (Tensor | null)[], attrs: A, layer: string): Node {
  let types: TensorType[];
  try {
    if (op.attributes) checkAttributes(op.name, op.attributes, attrs);
    types = op.shape(inputs, attrs);
    types.forEach(({ shape }, i) => checkShape(op.name, types.length > 1 ? `output ${i}` : "the output", shape));
  } catch (error) {
    throw layer && error instanceof InvalidArgumentError ? withLayer(error, layer) : error;
  }
  const node: Node = {
    op: op as OpDefinition<never>,
    attrs: attrs as Record<string, unknown>,
    inputs,
    outputs: [],
    layer,
  };
  types.forEach((type, i) => {
    node.outputs.push(new Tensor(node, i, type.shape, type.dtype));
  });
  return node;
}

/**
 * Applies an op to symbolic tensors. Shape errors name the layer.
 * @throws InvalidArgumentError for a tensor of another trace
 */
export function applyOp<A>(op: OpDefinition<A>, inputs: (Tensor | null)[], attrs: A): Tensor[] {
  const { nodes, scope: names } = tracer();
  const layer = names.join(".");
  for (const x of inputs) {
    if (!x || nodes.has(x.node)) continue;
    throw new InvalidArgumentError(
      `${layer ? `layer ${layer}: ` : ""}${op.name}: expected tensors of this trace, received one of another: a tensor ` +
        "lives only while the net that made it is traced",
      { op: op.name, layer },
    );
  }
  const node = makeNode(op, inputs, attrs, layer);
  addNode(node);
  return node.outputs;
}

/** The readers of each tensor. Graph outputs and updates count as readers without a node. */
export function readers(graph: Graph): Map<Tensor, { node: Node | null; slot: number }[]> {
  const map = new Map<Tensor, { node: Node | null; slot: number }[]>();
  const add = (tensor: Tensor, node: Node | null, slot: number) => {
    const list = map.get(tensor);
    if (list) list.push({ node, slot });
    else map.set(tensor, [{ node, slot }]);
  };
  for (const node of graph.nodes) {
    node.inputs.forEach((tensor, slot) => {
      if (tensor) add(tensor, node, slot);
    });
  }
  for (const tensor of results(graph)) add(tensor, null, 0);
  return map;
}

/** The results of a run: outputs, and new values of parameters. */
export const results = (graph: Graph): Tensor[] => [...graph.outputs.values(), ...graph.updates.values()];

/** Whether exactly one node reads the tensor and it is not a graph output. */
export function readOnce(uses: Map<Tensor, { node: Node | null; slot: number }[]>, tensor: Tensor): boolean {
  const list = uses.get(tensor);
  return list?.length === 1 && list[0].node !== null;
}

/** Makes every reader of `from` read `to`. */
export function replaceTensor(graph: Graph, from: Tensor, to: Tensor): void {
  for (const node of graph.nodes) {
    node.inputs = node.inputs.map((tensor) => (tensor === from ? to : tensor));
  }
  for (const map of [graph.outputs, graph.updates]) {
    for (const [name, tensor] of map) if (tensor === from) map.set(name, to);
  }
}

/** Sorts nodes so that every input is computed before its readers, and drops nodes that no result needs. */
export function sortGraph(graph: Graph): Graph {
  const seen = new Set<Node>();
  const order: Node[] = [];
  const visit = (node: Node) => {
    if (seen.has(node)) return;
    seen.add(node);
    for (const tensor of node.inputs) if (tensor) visit(tensor.node);
    order.push(node);
  };
  for (const tensor of [...graph.inputs.values(), ...graph.scalars.values()]) visit(tensor.node);
  for (const tensor of results(graph)) visit(tensor.node);
  graph.nodes = order;
  return graph;
}
