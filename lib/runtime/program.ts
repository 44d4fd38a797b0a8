/// <reference lib="esnext.disposable" preserve="true" />
import { DisposedError } from "../base/errors.js";
import type { DerivedParameter } from "../compile/passes/hoist_parameters.js";
import type { Plan } from "../compile/plan.js";
import type { Tensor } from "../graph/tensor.js";
import type { Graph } from "../graph/trace.js";
import { makeDerived } from "./derived_parameters.js";
import type { Device } from "./device.js";
import {
  checkInput,
  checkOutput,
  copied,
  copyBytes,
  packScalars,
  type ProgramInputs,
  type ProgramOutputs,
} from "./program_arrays.js";
import { runNative, TIMING } from "./run_native.js";

export type { InputArray, ProgramInputs, ProgramOutputs } from "./program_arrays.js";

const ARRAY = { f32: Float32Array, u8: Uint8Array, i32: Int32Array, bf16: Uint16Array, f16: Uint16Array } as const;

export interface RunOptions {
  /**
   * Aborting before the run has ended rejects with `signal.reason`, and the run stops before its next instruction. A
   * program that updates parameters is never stopped half-way; it is only prevented from starting.
   */
  signal?: AbortSignal | undefined;
  /**
   * Arrays for the results, by output name; the run returns them. An array from `device.allocate`, or pinned for a
   * GPU, is written while the program runs, any other when it has ended. Do not touch them until then.
   */
  outputs?: ProgramOutputs | undefined;
  /**
   * Names of inputs that are unmodified results of earlier runs of the device. They are read in place too.
   * @internal
   */
  results?: ReadonlySet<string> | undefined;
}

/** Duration of one instruction in milliseconds. */
export interface InstructionTime {
  op: string;
  layer: string;
  ms: number;
}

/** A compiled graph on a device. Parameters stay in the device's store; a program only refers to them. */
export class Program {
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly outputs: ReadonlyMap<string, Tensor>;
  /** Bytes of arena and workspace that a run needs. All programs of the device share this memory. */
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
   * Runs off the event loop. Inputs are copied before this returns, with two exceptions that must not change until the
   * run has ended: arrays from `device.allocate`, and those that `device.pin` pinned for a GPU, are read in place, and
   * the engine's thread copies the `SharedArrayBuffer` arrays of a list.
   * @returns the outputs by name
   */
  async run<O extends ProgramOutputs = Record<string, Float32Array>>(
    inputs: ProgramInputs,
    options: RunOptions = {},
  ): Promise<O> {
    return (await this.#measure(inputs, options, TIMING.none)).outputs as O;
  }

  /** Runs once and reports the duration of each instruction, in the order of execution. */
  async profile(inputs: ProgramInputs, options: RunOptions = {}): Promise<InstructionTime[]> {
    const { times } = await this.#measure(inputs, options, TIMING.instructions);
    return this.instructions.map((instruction, i) => ({ ...instruction, ms: times[i] }));
  }

  /**
   * Runs once and reports the milliseconds of all instructions together, without the copies of inputs and outputs: on a
   * GPU those of the CUDA graph, by the GPU's clock (the first run of a program is without a graph).
   */
  async time(inputs: ProgramInputs, options: RunOptions = {}): Promise<number> {
    return (await this.#measure(inputs, options, TIMING.whole)).times[0];
  }

  /** Runs once; gives the outputs by name, and the milliseconds that `timing` asks for. */
  async #measure(inputs: ProgramInputs, options: RunOptions, timing: number) {
    const given = options.outputs ?? {};
    for (const [name, array] of Object.entries(given)) checkOutput(name, this.outputs.get(name), array);
    const buffers = await this.#execute(inputs, options, timing);
    const outputs = [...this.outputs].map(([name, { dtype }], i) => {
      const buffer = buffers[i];
      if (buffer && given[name]) copyBytes(given[name], buffer);
      return [name, given[name] ?? new ARRAY[dtype](buffer!)];
    });
    const times = timing === TIMING.none ? [] : new Float64Array(buffers.at(-1)!);
    return { outputs: Object.fromEntries(outputs) as ProgramOutputs, times };
  }

  async #execute(inputs: ProgramInputs, options: RunOptions, timing: number) {
    if (this.#disposed) throw new DisposedError("This program");
    options.signal?.throwIfAborted();
    let views = [...this.inputs].map(([name, tensor]) => checkInput(name, tensor, inputs[name]));
    const scalars = packScalars(this.#scalars, inputs);
    const store = this.device.parameters;
    if (this.#derived.length > 0 && this.#madeAt !== store.version) {
      const version = store.version;
      views = views.map(copied); // the caller may change them while derived parameters are computed
      await makeDerived(this.device, this.#derived);
      this.#madeAt = version;
      options.signal?.throwIfAborted();
      if (this.#disposed) throw new DisposedError("This program");
    }
    const outputs = [...this.outputs.keys()].map((name) => options.outputs?.[name] ?? null);
    const results = [...this.inputs.keys()].map((name) => options.results?.has(name) ?? false);
    const run = { inputs: views, scalars, outputs, results, timing };
    if (this.#updated.length === 0) return runNative(this.device, this.#id, run, options.signal);
    const running = runNative(this.device, this.#id, run);
    store.beginUpdate(this.#updated); // jobs run in queue order, so any run that is queued after this one reads the new values
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
