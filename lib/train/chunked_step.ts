import type { Device } from "../runtime/device.js";
import { InvalidArgumentError } from "../base/errors.js";
import { compile } from "../runtime/compile.js";
import type { Program, ProgramInputs } from "../runtime/program.js";
import { parameter, trace } from "../graph/trace.js";
import { EmbeddingCache } from "./embedding_cache.js";
import type { Optimizer } from "./optimizer.js";
import { type Parameter, sumKey } from "./step_program.js";
import type { Batch, Task } from "./task.js";

export interface ChunkedStepOptions {
  device: Device;
  task: Task;
  optimizer: Optimizer;
  /** Rows that are encoded at once. */
  chunk: number;
  dropout?: number | undefined;
  checkpointing?: boolean | undefined;
}

/**
 * Dropout keys of one step, so that no two chunks of a run draw the same masks. The key is an i32: keys repeat after 2^20
 * steps, and a step of more than 4096 chunks shares keys with the next step.
 */
const KEYS_PER_STEP = 4096;

/** Steps over batches that are encoded in chunks, with the loss of the whole batch: see {@link EmbeddingCache}. */
export class ChunkedStep {
  readonly #options: ChunkedStepOptions;
  readonly #caches = new Map<number, EmbeddingCache>();
  #update: Program | undefined;

  /** @throws InvalidArgumentError for a task that has no embeddings */
  constructor(options: ChunkedStepOptions) {
    if (!options.task.pairs) {
      throw new InvalidArgumentError("chunk: expected a contrastive task, whose loss is one of embeddings of rows", {
        argument: "chunk",
      });
    }
    this.#options = options;
  }

  /**
   * @param trained parameters that the step trains; the same in every call
   * @param scalars those of the optimizer, and `loss_scale`
   * @param randomKey seed and step, from which dropout draws
   */
  async run(
    { inputs, examples }: Batch,
    trained: readonly Parameter[],
    scalars: ProgramInputs & { loss_scale: number },
    [seed, step]: readonly [number, number],
  ): Promise<{ loss: ArrayLike<number>; scaler_state: ArrayLike<number> }> {
    const { device, optimizer } = this.#options;
    const cache = this.#cache(Object.values(inputs)[0]?.shape[0] ?? examples, trained);
    const randomKey = (chunk: number): [number, number] => [seed, (step * KEYS_PER_STEP + chunk) | 0];
    const loss = await cache.run(inputs, { lossScale: scalars.loss_scale, randomKey });
    this.#update ??= compile(
      trace(() => ({
        scaler_state: optimizer.step(
          trained.map(({ key, shape }) => ({
            parameter: parameter(key, shape),
            gradient: parameter(sumKey(key), shape),
          })),
        ),
      })),
      device,
    );
    const { scaler_state } = await this.#update.run(scalars);
    return { loss: [loss], scaler_state };
  }

  /** A batch that lost rows takes the next smaller chunk that divides it. */
  #cache(rows: number, trained: readonly Parameter[]): EmbeddingCache {
    const { device, task, dropout, checkpointing } = this.#options;
    let chunk = Math.min(this.#options.chunk, rows);
    while (rows % chunk !== 0) chunk--;
    const known = this.#caches.get(chunk);
    if (known) return known;
    const cache = new EmbeddingCache({
      ...{ device, ...task.pairs!, parameters: trained, chunk },
      ...{ training: { dropout }, checkpointing },
    });
    this.#caches.set(chunk, cache);
    return cache;
  }

  dispose(): void {
    for (const cache of this.#caches.values()) cache.dispose();
    this.#caches.clear();
    this.#update?.dispose();
    this.#update = undefined;
  }
}
