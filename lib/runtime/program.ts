/// <reference lib="esnext.disposable" preserve="true" />
import type { NativeProgram } from "./binding.js";
import type { Device } from "./device.js";
import { DisposedError, DTypeError } from "../base/errors.js";
import { nativeError } from "./native_error.js";
import { chooseBf16 } from "../compile/passes/choose_bf16.js";
import { castPrecision } from "../compile/passes/cast_precision.js";
import { chooseWinograd } from "../compile/passes/choose_winograd.js";
import { copyOutputs } from "../compile/passes/copy_outputs.js";
import { fuseExpansion } from "../compile/passes/fuse_expansion.js";
import { gpuWeights } from "../compile/passes/gpu_weights.js";
import { type DerivedParameter, hoistParameters } from "../compile/passes/hoist_parameters.js";
import { meansFromSums } from "../compile/passes/means_from_sums.js";
import { packWeights } from "../compile/passes/pack_weights.js";
import { swishInputs } from "../compile/passes/swish_inputs.js";
import { placeUpdates } from "../compile/passes/place_updates.js";
import { type Placement, type Plan, planGraph, SPACE } from "../compile/plan.js";
import {
  checkInput,
  checkOutput,
  copied,
  copyBytes,
  type InputViews,
  packScalars,
  type ProgramInputs,
  type ProgramOutputs,
} from "./program_arrays.js";
import { DTYPE, elements, ITEM_SIZE, type Node, type Tensor } from "../graph/tensor.js";
import { callName } from "../graph/rules.js";
import { type Graph, graphOf, INPUT, PARAMETER, sortGraph } from "../graph/trace.js";

export type { InputArray, ProgramInputs, ProgramOutputs } from "./program_arrays.js";

const ARRAY = { f32: Float32Array, u8: Uint8Array, i32: Int32Array, bf16: Uint16Array, f16: Uint16Array } as const;

export interface RunOptions {
  /**
   * Aborting before the run has ended rejects with `signal.reason`; what runs stops before its next instruction. A program that updates parameters
   * is not stopped half-way: it is only kept from beginning.
   */
  signal?: AbortSignal | undefined;
  /**
   * Arrays that take the results, by output name; the run returns them. One from `device.allocate` is written while the
   * program runs, any other when it has ended. Leave them alone until then.
   */
  outputs?: ProgramOutputs | undefined;
  /**
   * Inputs that are results of earlier runs of the device and that nobody writes to: these are read in place too.
   * @internal
   */
  results?: ReadonlySet<string> | undefined;
}

/** How long one instruction took, in milliseconds. */
export interface InstructionTime {
  op: string;
  layer: string;
  ms: number;
}

/** A compiled graph on a device. Parameters stay in the device's store; a program only refers to them. */
export class Program {
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly outputs: ReadonlyMap<string, Tensor>;
  /** Bytes of the arena and workspace it needs while it runs (shared with all programs of the device). */
  readonly bytes: number;
  readonly instructions: readonly { op: string; layer: string }[];
  #id: number;
  #derived: DerivedParameter[];
  #scalars: ReadonlyMap<string, Tensor>;
  #updated: string[];
  #disposed = false;
  #madeAt = -1;

  /** @internal use `compile` */
  constructor(
    readonly device: Device,
    graph: Graph,
    plan: Plan,
    derived: DerivedParameter[],
    native: { id: number; workspaceBytes: number },
  ) {
    this.inputs = graph.inputs;
    this.outputs = graph.outputs;
    this.instructions = plan.instructions.map((node) => ({ op: node.op.name, layer: node.layer }));
    this.bytes = plan.arenaBytes + native.workspaceBytes;
    this.#id = native.id;
    this.#derived = derived;
    this.#scalars = graph.scalars;
    this.#updated = [...graph.updates.keys()];
  }

  /**
   * Runs off the event loop. Inputs are copied before it returns, but for two kinds, which are to be left alone until the run
   * has ended: arrays from `device.allocate` are read in place, and arrays of a list that lie in a `SharedArrayBuffer` are
   * copied by the engine's thread. @returns the outputs by name
   */
  async run<O extends ProgramOutputs = Record<string, Float32Array>>(
    inputs: ProgramInputs,
    options: RunOptions = {},
  ): Promise<O> {
    const given = options.outputs ?? {};
    for (const [name, array] of Object.entries(given)) checkOutput(name, this.outputs.get(name), array);
    const buffers = await this.#execute(inputs, options, false);
    const outputs = [...this.outputs].map(([name, { dtype }], i) => {
      const buffer = buffers[i];
      if (buffer && given[name]) copyBytes(given[name], buffer);
      return [name, given[name] ?? new ARRAY[dtype](buffer!)];
    });
    return Object.fromEntries(outputs) as O;
  }

  /** Runs once and tells how long each instruction took, in the order in which they run. */
  async profile(inputs: ProgramInputs, options: RunOptions = {}): Promise<InstructionTime[]> {
    const buffers = await this.#execute(inputs, options, true);
    const times = new Float64Array(buffers.at(-1)!);
    return this.instructions.map((instruction, i) => ({ ...instruction, ms: times[i] }));
  }

  async #execute(inputs: ProgramInputs, options: RunOptions, profile: boolean) {
    if (this.#disposed) throw new DisposedError("This program");
    options.signal?.throwIfAborted();
    let views = [...this.inputs].map(([name, tensor]) => checkInput(name, tensor, inputs[name]));
    const scalars = packScalars(this.#scalars, inputs);
    const store = this.device.parameters;
    if (this.#derived.length > 0 && this.#madeAt !== store.version) {
      const version = store.version;
      views = views.map(copied); // they may change while the weights are being made
      await makeDerived(this.device, this.#derived);
      this.#madeAt = version;
      options.signal?.throwIfAborted();
      if (this.#disposed) throw new DisposedError("This program");
    }
    const outputs = [...this.outputs.keys()].map((name) => options.outputs?.[name] ?? null);
    const results = [...this.inputs.keys()].map((name) => options.results?.has(name) ?? false);
    const run = { inputs: views, scalars, outputs, results, profile };
    if (this.#updated.length === 0) return runNative(this.device, this.#id, run, options.signal);
    const running = runNative(this.device, this.#id, run);
    store.beginUpdate(this.#updated); // jobs run in their order: who begins from here on reads the new values
    try {
      return await running;
    } finally {
      store.endUpdate(this.#updated);
    }
  }

  /** Frees the program; its parameters stay. A second call does nothing. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    try {
      this.device.engine.removeProgram(this.#id);
    } catch (error) {
      if (!(error instanceof DisposedError)) throw error;
    }
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

interface NativeRun {
  inputs: readonly InputViews[];
  scalars: Float32Array;
  outputs: (ArrayBufferView | null)[];
  results: boolean[];
  profile: boolean;
}

async function runNative(
  device: Device,
  id: number,
  { inputs, scalars, outputs, results, profile }: NativeRun,
  signal?: AbortSignal,
): Promise<(ArrayBuffer | null)[]> {
  const { engine } = device;
  const { job, promise } = device.native(() => engine.run(id, inputs, scalars, profile, outputs, results));
  const abort = () => engine.cancel(job); // does nothing where the device was disposed meanwhile
  signal?.addEventListener("abort", abort, { once: true });
  device.running.add(job);
  try {
    const buffers = await promise;
    signal?.throwIfAborted(); // it may have aborted during the last instruction
    return buffers;
  } catch (cause) {
    signal?.throwIfAborted();
    if (device.disposed) throw new DisposedError("This device");
    throw nativeError(cause);
  } finally {
    device.running.delete(job);
    signal?.removeEventListener("abort", abort);
  }
}

/**
 * Lowers a graph (usually after `optimize`) to a program of the device. Shapes are fixed; the graph must not be used
 * again. Derived parameters are made at the first run; parameters that it updates must be in the store.
 */
export function compile(graph: Graph, device: Device): Program {
  copyOutputs(graph);
  if (device.isGpu) lowerToGpu(graph, device);
  else lowerToCpu(graph, device);
  const derived = hoistParameters(graph);
  placeUpdates(graph);
  const ids = new Map(derived.map((d) => [d.tensor, device.parameters.derived(d.name, d.sources, d.bytes).id]));
  const placed = (tensor: Tensor) => (tensor.node.op === PARAMETER ? storedId(device, tensor) : ids.get(tensor));
  const plan = planGraph(
    graph,
    placed,
    (_, index) => ({ space: SPACE.output, id: index }),
    (key, { shape, dtype }) => device.parameters.id(key, shape, dtype, layerOf(graph, key)),
  );
  const native = device.native((engine) =>
    engine.createProgram({ ...encode(graph, plan), tf32: device.precision === "tf32" }),
  );
  return new Program(device, graph, plan, derived, native);
}

/** The store's id of a parameter. @throws WeightsError, which names the layer, when the store does not hold it */
const storedId = ({ parameters }: Device, { node, shape, dtype }: Tensor): number =>
  parameters.id(node.attrs.key as string, shape, dtype, node.layer);

/** The layer that a parameter belongs to. */
const layerOf = ({ nodes }: Graph, key: string): string =>
  nodes.find(({ op, attrs }) => op === PARAMETER && attrs.key === key)?.layer ?? "";

function lowerToGpu(graph: Graph, device: Device): void {
  castPrecision(graph, device.precision === "tf32" ? "f32" : device.precision);
  meansFromSums(graph);
  gpuWeights(graph);
}

function lowerToCpu(graph: Graph, device: Device): void {
  const bf16 = device.precision === "bf16";
  if (device.winograd) chooseWinograd(graph, bf16 ? 2 : 1);
  if (bf16) {
    chooseBf16(graph);
  } else {
    swishInputs(graph);
    fuseExpansion(graph);
  }
  packWeights(graph, device.panelWidth);
  for (const node of graph.nodes) {
    if (node.op.halvesOnCpu) continue;
    const half = [...node.inputs, ...node.outputs].find((x) => x?.dtype === "bf16" || x?.dtype === "f16");
    if (half) {
      const argument = half.node.op === INPUT ? String(half.node.attrs.name) : undefined;
      throw new DTypeError(
        `${callName(node.op.name)}: ${argument ?? "operands"}: expected f32 on a CPU, received ${half.dtype} (16-bit floats need a GPU)`,
        { op: node.op.name, expected: "f32", received: half.dtype, ...(argument ? { argument } : {}) },
      );
    }
  }
}

/** Runs the programs that make stale derived parameters. */
async function makeDerived(device: Device, derived: DerivedParameter[]): Promise<void> {
  const store = device.parameters;
  // a graph may make the same form in two places
  const different = [...new Map(derived.map((d) => [d.name, d])).values()];
  const stale = different.filter((d) => store.derived(d.name, d.sources, d.bytes).stale);
  if (stale.length === 0) return;
  const versions = new Map(stale.map((d) => [d.name, store.versions(d.sources)]));
  const graph = graphOf(new Map(stale.map((d) => [d.name, d.tensor])));
  copyOutputs(graph); // a view of a parameter becomes memory of its own
  sortGraph(graph);
  const plan = planGraph(
    graph,
    (tensor) => (tensor.node.op === PARAMETER ? storedId(device, tensor) : undefined),
    (_, index) => ({ space: SPACE.parameter, id: store.derived(stale[index].name, [], 0).id }),
  );
  const { id } = device.native((engine) => engine.createProgram({ ...encode(graph, plan), outputBytes: [] }));
  try {
    await runNative(device, id, {
      inputs: [],
      scalars: new Float32Array(0),
      outputs: [],
      results: [],
      profile: false,
    });
  } finally {
    device.engine.removeProgram(id);
  }
  for (const d of stale) store.made(d.name, versions.get(d.name)!);
}

function encode(graph: Graph, plan: Plan): NativeProgram {
  const bytes = (tensor: Tensor) => plan.placements.get(tensor)!.buffer.bytes;
  return {
    instructions: plan.instructions.map((node) => encodeInstruction(node, plan.placements)),
    arenaBytes: plan.arenaBytes,
    inputBytes: [...graph.inputs.values()].map(bytes),
    outputBytes: [...graph.outputs.values()].map(bytes),
    scalars: [...graph.scalars.values()].reduce((sum, tensor) => sum + elements(tensor.shape), 0),
    tf32: false,
  };
}

function encodeInstruction(node: Node, placements: Map<Tensor, Placement>) {
  const operand = (tensor: Tensor | null) => {
    if (!tensor) return [SPACE.absent];
    const { buffer, offset, strides } = placements.get(tensor)!;
    const { shape, dtype } = tensor;
    return [
      buffer.space,
      buffer.id,
      buffer.at + offset * ITEM_SIZE[dtype],
      DTYPE[dtype],
      shape.length,
      ...shape,
      ...strides,
    ];
  };
  const count = Math.max(node.op.operands.length, node.inputs.length);
  const inputs = Array.from({ length: count }, (_, i) => node.inputs[i] ?? null);
  return {
    op: node.op.name,
    attrs: Float64Array.from(node.op.encode(node.attrs as never, node.inputs, node.outputs)),
    operands: Float64Array.from([
      inputs.length,
      ...inputs.flatMap(operand),
      node.outputs.length,
      ...node.outputs.flatMap(operand),
    ]),
  };
}
