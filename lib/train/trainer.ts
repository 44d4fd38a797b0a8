import { join } from "node:path";
import { InvalidArgumentError, VideoClipError } from "../base/errors.js";
import { compile } from "../runtime/compile.js";
import type { Program, ProgramInputs } from "../runtime/program.js";
import { ProgramCache } from "../runtime/program_cache.js";
import { elements } from "../graph/tensor.js";
import { initialValues } from "../nn/initial.js";
import { BatchAhead } from "./batch_ahead.js";
import { ChunkedStep } from "./chunked_step.js";
import { Checkpoints, type TrainingState } from "./checkpoint.js";
import { initialLossScale, nextLossScale } from "./loss_scale.js";
import { MetricsFile } from "./metrics.js";
import { Optimizer } from "./optimizer.js";
import { makeSchedule } from "./schedules.js";
import { type Parameter, type StepPart, sumKey, type TracedStep, traceStep } from "./step_program.js";
import type { Batch } from "./task.js";
import { type ModelTrainerOptions, resolveOptions, type TrainerOptions } from "./trainer_options.js";

/** What one step did. */
export interface StepEvent {
  /** From 1. */
  step: number;
  /** Mean over the batches of the step. */
  loss: number;
  /** Of the update; 0 when it was not taken. */
  rate: number;
  /** 2-norm of all gradients together, before clipping. */
  gradientNorm: number;
  /** The gradients were not finite and nothing was changed. */
  skipped: boolean;
  samplesPerSecond: number;
  /** What else the task and the batches report. */
  measures: Record<string, number>;
  evaluation?: Record<string, number> | undefined;
}

/**
 * Trains a model: steps, checkpoints, metrics. Everything follows from its options; a resumed run from them too.
 * @typeParam I inputs of a model of one's own @typeParam O its outputs @typeParam T names of the arrays of its batches
 */
export class Trainer<I extends string = string, O extends string = string, T extends string = string> {
  readonly options: TrainerOptions;
  readonly optimizer: Optimizer;
  readonly #rate: (s: number) => number;
  readonly #programs = new ProgramCache();
  readonly #chunked: ChunkedStep | undefined;
  readonly #trained = new Map<string, Parameter>();
  readonly #model = new Map<string, Parameter>();
  readonly #state = new Map<string, Parameter>();
  readonly #checkpoints: Checkpoints | undefined;
  readonly #ahead: BatchAhead;
  #metrics: MetricsFile | undefined;
  #at: TrainingState;
  #skipped = 0;
  #running = false;
  /** Parameters that the store lacks are made: those of the loss of a model of one's own. */
  readonly #initialize: boolean;

  /** @throws InvalidArgumentError for options that are missing, unknown or out of range */
  constructor(given: TrainerOptions | ModelTrainerOptions<I, O, T>) {
    const { options, schedule, parameters, initialize } = resolveOptions(given);
    this.#initialize = initialize;
    for (const entry of parameters) this.#model.set(entry.key, entry);
    if (options.chunk !== undefined && (options.accumulate ?? 1) > 1) {
      throw new InvalidArgumentError("accumulate: expected 1 with chunk, which already bounds the memory of a batch", {
        argument: "accumulate",
        received: options.accumulate,
      });
    }
    this.options = options;
    this.optimizer = new Optimizer(options.optimizer);
    if (options.chunk !== undefined) {
      const { device, task, chunk, dropout, checkpointing } = options;
      this.#chunked = new ChunkedStep({ device, task, optimizer: this.optimizer, chunk, dropout, checkpointing });
    }
    this.#rate = makeSchedule(schedule, options.steps);
    this.#ahead = new BatchAhead(options.data);
    const { seed = 0, folder, keep = 3, device } = options;
    this.#at = { format: 1, step: 0, updates: 0, seed, lossScale: initialLossScale(device.precision) };
    if (folder !== undefined) this.#checkpoints = new Checkpoints(join(folder, "checkpoints"), keep);
  }

  /** Steps done. */
  get step(): number {
    return this.#at.step;
  }

  /** Keys and shapes of what is trained; empty before the first step. */
  get trained(): Parameter[] {
    return [...this.#trained.values()];
  }

  /**
   * Trains to the last step. A step that has begun is finished when `signal` aborts: then a checkpoint is written and the
   * signal's reason is thrown.
   * @throws VideoClipError `ERR_RUN_EXISTS` when the folder holds a run and `resume` is not set; `ERR_TRAINING_DIVERGED`
   */
  async *run({ signal }: { signal?: AbortSignal | undefined } = {}): AsyncGenerator<StepEvent, void, void> {
    if (this.#running) throw new VideoClipError("ERR_BUSY", "this trainer runs already");
    this.#running = true;
    try {
      if (this.#at.step === 0) await this.#open();
      const { steps, saveEvery = 1000, evaluation } = this.options;
      while (this.#at.step < steps) {
        if (signal?.aborted) {
          if (this.#at.step > 0) this.save();
          throw signal.reason;
        }
        const event = await this.#step(signal);
        const last = this.#at.step === steps;
        if (evaluation && (last || this.#at.step % evaluation.every === 0)) event.evaluation = await this.#evaluate();
        this.#log(event);
        if (last || this.#at.step % saveEvery === 0 || this.#at.best?.step === this.#at.step) this.save();
        yield event;
      }
    } finally {
      this.#ahead.stop();
      this.#running = false;
    }
  }

  /** Writes a checkpoint now. Not while a step runs. */
  save(): void {
    this.#checkpoints?.save(this.#at, this.options.device.parameters, this.#model.values(), this.#state.values());
  }

  /** Frees the programs; parameters stay. */
  dispose(): void {
    this.#chunked?.dispose();
    this.#programs.clear();
  }

  async #open(): Promise<void> {
    const { folder, resume = false, device } = this.options;
    const last = this.#checkpoints?.steps().at(-1);
    if (last !== undefined) {
      if (!resume) {
        throw new VideoClipError(
          "ERR_RUN_EXISTS",
          `${folder} holds a run at step ${last}: set resume, or another folder`,
        );
      }
      const { state, optimizer } = await this.#checkpoints!.load(last, device.parameters);
      if (state.seed !== this.#at.seed) {
        throw new InvalidArgumentError(
          `seed: expected ${state.seed}, as the run in ${folder}, received ${this.#at.seed}`,
          {
            argument: "seed",
          },
        );
      }
      this.#at = state;
      for (const entry of optimizer) this.#state.set(entry.key, entry);
    }
    if (folder !== undefined) this.#metrics = new MetricsFile(join(folder, "metrics.jsonl"), this.#at.step);
  }

  async #step(signal: AbortSignal | undefined): Promise<StepEvent> {
    const { accumulate = 1, device, steps } = this.options;
    const start = performance.now();
    const rate = this.#rate(this.#at.updates + 1);
    const sums: Record<string, number> = {};
    const about: Record<string, number> = {};
    let examples = 0;
    let control: ArrayLike<number> = [];
    for (let i = 0; i < accumulate; i++) {
      const index = this.#at.step * accumulate + i;
      const batch = await this.#batch(index, signal);
      const part = accumulate === 1 ? "whole" : i === 0 ? "first" : i < accumulate - 1 ? "more" : "last";
      const running = this.#chunked
        ? this.#runChunked(this.#chunked, batch, rate)
        : this.#program(batch, part).run(this.#inputs(batch, rate, i));
      if (index + 1 < steps * accumulate) this.#ahead.begin(index + 1, signal);
      const outputs = await running;
      control = outputs.control ?? control;
      delete outputs.control;
      for (const [name, value] of Object.entries(outputs)) sums[name] = (sums[name] ?? 0) + meanOf(value) / accumulate;
      examples += batch.examples;
      Object.assign(about, batch.measures);
    }
    const finite = control[2] === 1;
    this.#skipped = finite ? 0 : this.#skipped + 1;
    this.#at = {
      ...this.#at,
      step: this.#at.step + 1,
      updates: this.#at.updates + (finite ? 1 : 0),
      lossScale: nextLossScale(this.#at.lossScale, finite, device.precision),
    };
    this.#checkSkipped(sums.loss);
    const { loss, ...measures } = sums;
    return {
      step: this.#at.step,
      loss,
      rate: finite ? rate : 0,
      gradientNorm: control[0],
      skipped: !finite,
      samplesPerSecond: examples / ((performance.now() - start) / 1000),
      measures: { ...measures, ...about },
    };
  }

  /** A batch; where making it is aborted, a checkpoint of the steps before it is written. */
  async #batch(index: number, signal: AbortSignal | undefined): Promise<Batch> {
    try {
      return await this.#ahead.take(index, signal);
    } catch (error) {
      if (signal?.aborted && error === signal.reason && this.#at.step > 0) this.save();
      throw error;
    }
  }

  #inputs(batch: Batch, rate: number, micro: number): ProgramInputs {
    const { accumulate = 1 } = this.options;
    const { updates, lossScale, seed, step } = this.#at;
    const arrays = Object.entries(batch.inputs).map(([name, { data }]) => [name, data] as const);
    return {
      ...Object.fromEntries(arrays),
      ...this.optimizer.scalars(this.#trained.keys(), updates + 1, rate, 1 / (lossScale.scale * accumulate)),
      loss_scale: lossScale.scale,
      random_key: [seed, step * accumulate + micro],
    };
  }

  /** A step in chunks: gradients are in the store before the optimizer's program. */
  async #runChunked(chunked: ChunkedStep, batch: Batch, rate: number): Promise<Record<string, ArrayLike<number>>> {
    if (this.#trained.size === 0) {
      const { task } = this.options;
      this.#note(traceStep(task, batch, this.optimizer, "whole"), true);
    }
    const { loss_scale, random_key, ...rest } = this.#inputs({ ...batch, inputs: {} }, rate, 0);
    const scalars = { ...rest, loss_scale: loss_scale as number };
    return chunked.run(batch, [...this.#trained.values()], scalars, random_key as [number, number]);
  }

  /** The program of these shapes; makes what it keeps in the store. */
  #program(batch: Batch, part: StepPart): Program {
    const { device, task, dropout, checkpointing } = this.options;
    const shapes = Object.entries(batch.inputs).map(
      ([name, { data, shape }]) => `${name} ${data.constructor.name} ${shape.join()}`,
    );
    return this.#programs.get(`${part}; ${shapes.join("; ")}`, () => {
      const traced = traceStep(task, batch, this.optimizer, part, { dropout, checkpointing });
      this.#note(traced, part !== "whole");
      return compile(traced.graph, device);
    });
  }

  /** Notes what a step trains and reads, and makes its state in the store. @param summed gradients are kept there too */
  #note({ trained, model }: Pick<TracedStep, "trained" | "model">, summed: boolean): void {
    const { device } = this.options;
    for (const { key, shape, init } of model) {
      this.#model.set(key, { key, shape });
      if (!this.#initialize || device.parameters.has(key)) continue;
      device.parameters.set(key, shape, initialValues(key, shape, this.#at.seed, init));
    }
    for (const entry of trained) {
      this.#trained.set(entry.key, entry);
      for (const key of this.optimizer.stateKeys(entry.key)) this.#state.set(key, { key, shape: entry.shape });
      if (!summed || device.parameters.has(sumKey(entry.key))) continue;
      device.parameters.set(sumKey(entry.key), entry.shape, new Float32Array(elements(entry.shape)));
    }
    this.optimizer.allocateState(device, trained);
  }

  async #evaluate(): Promise<Record<string, number>> {
    const { run, best } = this.options.evaluation!;
    const result = await run();
    const value = best && result[best.metric];
    if (best && (value === undefined || Number.isNaN(value))) {
      throw new InvalidArgumentError(`evaluation.best.metric: expected one of ${Object.keys(result).join(", ")}`, {
        argument: "evaluation.best.metric",
        received: best.metric,
      });
    }
    if (best && value !== undefined) {
      const before = this.#at.best?.value;
      const better = before === undefined || (best.mode === "max" ? value > before : value < before);
      if (better) this.#at = { ...this.#at, best: { step: this.#at.step, metric: best.metric, value } };
    }
    return result;
  }

  #log(event: StepEvent): void {
    const { measures, evaluation = {}, ...rest } = event;
    const evaluated = Object.entries(evaluation).map(([name, value]) => [`evaluation.${name}`, value]);
    this.#metrics?.add({ ...rest, ...measures, ...Object.fromEntries(evaluated) });
  }

  #checkSkipped(loss: number): void {
    const { maxSkipped = 50 } = this.options;
    if (this.#skipped < maxSkipped) return;
    throw new VideoClipError(
      "ERR_TRAINING_DIVERGED",
      `step ${this.#at.step}: the gradients of ${this.#skipped} steps in a row were not finite (loss ${loss}): ` +
        "lower the rate, or clip by maxNorm",
    );
  }
}

const meanOf = (values: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
};
