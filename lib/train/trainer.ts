import { join } from "node:path";
import { InvalidArgumentError, VideoClipError } from "../base/errors.js";
import { SCALER_STATE } from "../ops/optimizer/multi_tensor.js";
import { compile } from "../runtime/compile.js";
import type { Program, ProgramInputs } from "../runtime/program.js";
import { ProgramCache } from "../runtime/program_cache.js";
import { elements } from "../graph/tensor.js";
import { initialValues } from "../nn/initial.js";
import { Prefetcher } from "./prefetcher.js";
import { ChunkedStep } from "./chunked_step.js";
import { type BestEvaluation, Checkpoints, evaluationsSinceBest, runExists, type TrainingState } from "./checkpoint.js";
import { initialLossScale, nextLossScale } from "./loss_scale.js";
import { MetricsFile } from "./metrics.js";
import { Optimizer } from "./optimizer.js";
import { makeSchedule } from "./schedules.js";
import { type Parameter, type StepPart, sumKey, type TracedStep, traceStep } from "./step_program.js";
import type { Batch } from "./task.js";
import { type ModelTrainerOptions, resolveOptions, type TrainerOptions } from "./trainer_options.js";

/** The result of one step. */
export interface StepEvent {
  /** Number of the step, from 1. */
  step: number;
  /** Mean over the batches of the step. */
  loss: number;
  /** Learning rate of the update; 0 when the update was skipped. */
  learningRate: number;
  /** @deprecated Use `learningRate`. */
  rate: number;
  /** 2-norm of all gradients together, before clipping. */
  gradientNorm: number;
  /** Whether the step was skipped because the gradients were not finite. */
  skipped: boolean;
  samplesPerSecond: number;
  /** Further values that the task and the batches report. */
  measures: Record<string, number>;
  evaluation?: Record<string, number> | undefined;
  /** With `evaluation`, the best evaluation so far; its step is this one if it is better than all before. */
  best?: BestEvaluation | undefined;
  /** Whether the run ends here because of its `patience`. */
  stopped?: true | undefined;
}

/**
 * Trains a model: steps, checkpoints, metrics. The options alone determine the result, also of a resumed run.
 * @typeParam I inputs of a `Model` @typeParam O its outputs @typeParam T names of the arrays of its batches
 */
export class Trainer<I extends string = string, O extends string = string, T extends string = string> {
  readonly options: TrainerOptions;
  readonly optimizer: Optimizer;
  readonly #learningRate: (s: number) => number;
  readonly #programs = new ProgramCache();
  readonly #chunked: ChunkedStep | undefined;
  readonly #trained = new Map<string, Parameter>();
  readonly #modelParameters = new Map<string, Parameter>();
  readonly #optimizerState = new Map<string, Parameter>();
  readonly #checkpoints: Checkpoints | undefined;
  readonly #prefetcher: Prefetcher;
  #metrics: MetricsFile | undefined;
  #state: TrainingState;
  #skipped = 0;
  #running = false;
  #opened = false;
  /** Whether parameters that the store lacks get initial values, such as those of the loss of a `Model`. */
  readonly #initialize: boolean;

  /** @throws InvalidArgumentError for options that are missing, unknown or out of range */
  constructor(given: TrainerOptions | ModelTrainerOptions<I, O, T>) {
    const { options, schedule, parameters, initialize } = resolveOptions(given);
    this.#initialize = initialize;
    for (const entry of parameters) this.#modelParameters.set(entry.key, entry);
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
    this.#learningRate = makeSchedule(schedule, options.steps);
    this.#prefetcher = new Prefetcher(options.data);
    const { seed = 0, folder, keep = 3, device } = options;
    this.#state = { format: 1, step: 0, updates: 0, seed, lossScale: initialLossScale(device.precision) };
    if (folder !== undefined) this.#checkpoints = new Checkpoints(join(folder, "checkpoints"), keep);
  }

  /** Number of completed steps. */
  get step(): number {
    return this.#state.step;
  }

  /** The evaluation with the best value of `evaluation.best` so far. */
  get best(): BestEvaluation | undefined {
    return this.#state.best;
  }

  /** Whether there was no better evaluation for as long as `patience` waits: the run has ended. */
  get stopped(): boolean {
    const { patience = Infinity, best } = this.options.evaluation ?? {};
    return evaluationsSinceBest(this.#state, best?.metric) >= patience;
  }

  /** Keys and shapes of the trained parameters; empty before the first step. */
  get trained(): Parameter[] {
    return [...this.#trained.values()];
  }

  /**
   * Trains to the last step. When `signal` aborts, the current step is finished, a checkpoint is written and the
   * signal's reason is thrown. A loop that is left before the end, by `break` or an error, leaves a checkpoint too.
   * @throws VideoClipError `ERR_RUN_EXISTS` when the folder has a run and `resume` is not set; `ERR_TRAINING_DIVERGED`
   */
  async *run({ signal }: { signal?: AbortSignal | undefined } = {}): AsyncGenerator<StepEvent, void, void> {
    if (this.#running) throw new VideoClipError("ERR_BUSY", "this trainer runs already");
    this.#running = true;
    let left = false;
    try {
      await this.open();
      const { steps, saveEvery = 1000, evaluation } = this.options;
      while (this.#state.step < steps && !this.stopped) {
        if (signal?.aborted) {
          if (this.#state.step > 0) this.save();
          throw signal.reason;
        }
        const event = await this.#step(signal);
        if (evaluation && (this.#state.step === steps || this.#state.step % evaluation.every === 0)) {
          event.evaluation = await this.#evaluate();
          if (this.best) event.best = this.best;
          if (this.stopped) event.stopped = true;
        }
        this.#log(event);
        const last = this.#state.step === steps || this.stopped;
        if (last || this.#state.step % saveEvery === 0 || this.best?.step === this.#state.step) this.save();
        left = true;
        yield event;
        left = false;
      }
    } finally {
      this.#prefetcher.stop();
      this.#running = false;
      if (left) this.save();
    }
  }

  /** Writes a checkpoint now. Must not be called while a step runs. */
  save(): void {
    this.#checkpoints?.save(
      this.#state,
      this.options.device.parameters,
      this.#modelParameters.values(),
      this.#optimizerState.values(),
      (folder) => this.options.modelFiles?.write(folder),
    );
  }

  /** Frees the programs; parameters stay. */
  dispose(): void {
    this.#chunked?.dispose();
    this.#programs.clear();
  }

  /**
   * Reads the last checkpoint, if the run has one, so that `step` and `best` are known before `run`, which does it too.
   * @throws as {@link run}
   */
  async open(): Promise<void> {
    if (this.#opened) return;
    const { folder, resume = false, device } = this.options;
    const last = this.#checkpoints?.steps().at(-1);
    if (last !== undefined) {
      if (!resume) {
        throw new VideoClipError("ERR_RUN_EXISTS", runExists(folder!, last));
      }
      const { state, optimizer } = await this.#checkpoints!.load(last, device.parameters);
      if (state.seed !== this.#state.seed) {
        throw new InvalidArgumentError(
          `seed: expected ${state.seed}, as the run in ${folder}, received ${this.#state.seed}`,
          {
            argument: "seed",
          },
        );
      }
      this.#state = state;
      for (const entry of optimizer) this.#optimizerState.set(entry.key, entry);
    }
    if (folder !== undefined) this.#metrics = new MetricsFile(join(folder, "metrics.jsonl"), this.#state.step);
    this.#opened = true;
  }

  async #step(signal: AbortSignal | undefined): Promise<StepEvent> {
    const { accumulate = 1, device, steps } = this.options;
    const start = performance.now();
    const learningRate = this.#learningRate(this.#state.updates + 1);
    const sums: Record<string, number> = {};
    const batchMeasures: Record<string, number> = {};
    let examples = 0;
    let scaler: ArrayLike<number> = [];
    for (let i = 0; i < accumulate; i++) {
      const index = this.#state.step * accumulate + i;
      const batch = await this.#batch(index, signal);
      const part = accumulate === 1 ? "whole" : i === 0 ? "first" : i < accumulate - 1 ? "more" : "last";
      const running = this.#chunked
        ? this.#runChunked(this.#chunked, batch, learningRate)
        : this.#program(batch, part).run(this.#inputs(batch, learningRate, i));
      if (index + 1 < steps * accumulate) this.#prefetcher.begin(index + 1, signal);
      const outputs = await running;
      scaler = outputs.scaler_state ?? scaler;
      delete outputs.scaler_state;
      for (const [name, value] of Object.entries(outputs)) sums[name] = (sums[name] ?? 0) + meanOf(value) / accumulate;
      examples += batch.examples;
      Object.assign(batchMeasures, batch.measures);
    }
    const finite = scaler[SCALER_STATE.finite] === 1;
    this.#skipped = finite ? 0 : this.#skipped + 1;
    this.#state = {
      ...this.#state,
      step: this.#state.step + 1,
      updates: this.#state.updates + (finite ? 1 : 0),
      lossScale: nextLossScale(this.#state.lossScale, finite, device.precision),
    };
    this.#checkSkipped(sums.loss);
    const { loss, ...measures } = sums;
    return {
      step: this.#state.step,
      loss,
      learningRate: finite ? learningRate : 0,
      rate: finite ? learningRate : 0,
      gradientNorm: scaler[SCALER_STATE.norm],
      skipped: !finite,
      samplesPerSecond: examples / ((performance.now() - start) / 1000),
      measures: { ...measures, ...batchMeasures },
    };
  }

  /** Takes a batch. If its preparation is aborted, a checkpoint of the previous steps is written. */
  async #batch(index: number, signal: AbortSignal | undefined): Promise<Batch> {
    try {
      return await this.#prefetcher.take(index, signal);
    } catch (error) {
      if (signal?.aborted && error === signal.reason && this.#state.step > 0) this.save();
      throw error;
    }
  }

  #inputs(batch: Batch, learningRate: number, micro: number): ProgramInputs {
    const { accumulate = 1 } = this.options;
    const { updates, lossScale, seed, step } = this.#state;
    const arrays = Object.entries(batch.inputs).map(([name, { data }]) => [name, data] as const);
    return {
      ...Object.fromEntries(arrays),
      ...this.optimizer.scalars(this.#trained.keys(), updates + 1, learningRate, 1 / (lossScale.scale * accumulate)),
      loss_scale: lossScale.scale,
      random_key: [seed, step * accumulate + micro],
    };
  }

  /** Runs a step in chunks: the gradients are in the store before the optimizer's program runs. */
  async #runChunked(
    chunked: ChunkedStep,
    batch: Batch,
    learningRate: number,
  ): Promise<Record<string, ArrayLike<number>>> {
    if (this.#trained.size === 0) {
      const { task } = this.options;
      this.#note(traceStep(task, batch, this.optimizer, "whole"), true);
    }
    const { loss_scale, random_key, ...rest } = this.#inputs({ ...batch, inputs: {} }, learningRate, 0);
    const scalars = { ...rest, loss_scale: loss_scale as number };
    return chunked.run(batch, [...this.#trained.values()], scalars, random_key as [number, number]);
  }

  /** The program for these batch shapes, compiled on first use. Also allocates its state in the store. */
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

  /**
   * Records the parameters that a step trains and reads, and allocates its state in the store. @param summed also
   * allocate sums of gradients
   */
  #note({ trained, model }: Pick<TracedStep, "trained" | "model">, summed: boolean): void {
    const { device } = this.options;
    for (const { key, shape, init } of model) {
      this.#modelParameters.set(key, { key, shape });
      if (!this.#initialize || device.parameters.has(key)) continue;
      device.parameters.set(key, shape, initialValues(key, shape, this.#state.seed, init));
    }
    for (const entry of trained) {
      this.#trained.set(entry.key, entry);
      for (const key of this.optimizer.stateKeys(entry.key)) this.#optimizerState.set(key, { key, shape: entry.shape });
      if (!summed || device.parameters.has(sumKey(entry.key))) continue;
      device.parameters.set(sumKey(entry.key), entry.shape, new Float32Array(elements(entry.shape)));
    }
    this.optimizer.allocateState(device, trained);
  }

  async #evaluate(): Promise<Record<string, number>> {
    const { run, best } = this.options.evaluation!;
    const result = await run();
    if (!best) return result;
    const value = result[best.metric];
    if (value === undefined) {
      throw new InvalidArgumentError(`evaluation.best.metric: expected one of ${Object.keys(result).join(", ")}`, {
        argument: "evaluation.best.metric",
        received: best.metric,
      });
    }
    const { step, best: known } = this.#state;
    const before = known?.metric === best.metric ? known.value : best.mode === "max" ? -Infinity : Infinity;
    if (best.mode === "max" ? value > before : value < before) {
      this.#state = { ...this.#state, best: { step, metric: best.metric, value }, sinceBest: 0 };
    } else {
      this.#state = { ...this.#state, sinceBest: evaluationsSinceBest(this.#state, best.metric) + 1 };
    }
    return result;
  }

  #log(event: StepEvent): void {
    const { measures, evaluation = {}, rate: _, best: _best, stopped: _stopped, ...rest } = event;
    const evaluated = Object.entries(evaluation).map(([name, value]) => [`evaluation.${name}`, value]);
    this.#metrics?.add({ ...rest, ...measures, ...Object.fromEntries(evaluated) });
  }

  #checkSkipped(loss: number): void {
    const { maxSkipped = 50 } = this.options;
    if (this.#skipped < maxSkipped) return;
    throw new VideoClipError(
      "ERR_TRAINING_DIVERGED",
      `step ${this.#state.step}: the gradients of ${this.#skipped} steps in a row were not finite (loss ${loss}): ` +
        "lower the learning rate, or clip by maxNorm",
    );
  }
}

const meanOf = (values: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
};
