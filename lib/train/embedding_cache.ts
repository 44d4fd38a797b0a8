/// <reference lib="esnext.disposable" preserve="true" />
import type { Device } from "../runtime/device.js";
import { InvalidArgumentError } from "../base/errors.js";
import { blockOfLayer, differentiate } from "../autodiff/differentiate.js";
import { combined, filled } from "../autodiff/arithmetic.js";
import { compile } from "../runtime/compile.js";
import type { Program } from "../runtime/program.js";
import { elements, type Tensor } from "../graph/tensor.js";
import { input, parameter, scalar, trace, update } from "../graph/trace.js";
import * as nn from "../nn/layers.js";
import { sumKey } from "./step_program.js";
import { type BatchArray, dtypeOf } from "./task.js";

export interface EmbeddingCacheOptions {
  device: Device;
  /** Inside trace(): the embeddings `[n, D]` of the two elements of n pairs. */
  encode(inputs: Record<string, Tensor>): { a: Tensor; b: Tensor };
  /** Inside trace(): the loss `[1]` of all embeddings `[N, D]`. */
  loss(a: Tensor, b: Tensor): Tensor;
  /** Keys and shapes of the parameters to differentiate by. */
  parameters: readonly { key: string; shape: readonly number[] }[];
  /** Pairs that are embedded at once; divides the batch. */
  chunk: number;
  /** Trace the encoders as in training, with dropout of this probability. Default: as in inference. */
  training?: { dropout?: number | undefined } | undefined;
  /** Recompute blocks in the backward pass instead of keeping them. Default false. */
  checkpointing?: boolean | undefined;
}

export interface EmbeddingCacheRun {
  /** Multiplies the loss before it is differentiated (f16). Default 1. */
  lossScale?: number | undefined;
  /** Seed and step of chunk number `chunk`, for dropout: the same in both passes. */
  randomKey?: ((chunk: number) => [number, number]) | undefined;
}

interface Programs {
  /** Inputs and shapes for which the programs are compiled. */
  key: string;
  embed: Program;
  loss: Program;
  /** Programs that set the gradients, and that add to them. */
  first: Program;
  more: Program;
}

/**
 * Gradients of a loss over batches that are too large to be encoded at once (Gao et al. 2021, arXiv 2101.06983). All
 * chunks are embedded without keeping values for a backward pass; the loss is differentiated by the embeddings; then
 * each chunk is embedded again, with its backward pass from those gradients. The result is the gradient of the whole
 * batch, except for the order of sums. The encoders give the same values both times, since dropout is drawn again from
 * the key of the chunk.
 */
export class EmbeddingCache {
  readonly #options: EmbeddingCacheOptions;
  #programs: Programs | undefined;

  constructor(options: EmbeddingCacheOptions) {
    const { chunk } = options;
    if (!Number.isSafeInteger(chunk) || chunk < 1) {
      throw new InvalidArgumentError(`chunk: expected a positive integer, received ${chunk}`, {
        argument: "chunk",
        received: chunk,
      });
    }
    this.#options = options;
  }

  /**
   * Computes the gradient of each parameter into the store, under `gradient.<key>`.
   * @param inputs arrays whose first axis is the pair
   * @returns the loss
   * @throws InvalidArgumentError when the chunk does not divide the batch
   */
  async run(
    inputs: Record<string, BatchArray>,
    { lossScale = 1, randomKey = () => [0, 0] }: EmbeddingCacheRun = {},
  ): Promise<number> {
    const { chunk } = this.#options;
    const pairs = Object.values(inputs)[0]?.shape[0] ?? 0;
    for (const [name, { shape }] of Object.entries(inputs)) {
      if (shape[0] === pairs && pairs > 0 && pairs % chunk === 0) continue;
      throw new InvalidArgumentError(
        `${name}: expected a first axis of ${pairs} pairs, a multiple of the chunk ${chunk}, received [${shape.join(", ")}]`,
        { argument: name, received: shape },
      );
    }
    const { embed, loss, first, more } = this.#compiled(inputs, pairs);
    const D = embed.outputs.get("a")!.shape[1];
    const [a, b] = [new Float32Array(pairs * D), new Float32Array(pairs * D)];
    for (let at = 0; at < pairs; at += chunk) {
      const part = await embed.run({ ...rowsOf(inputs, at, chunk), random_key: randomKey(at / chunk) });
      a.set(part.a, at * D);
      b.set(part.b, at * D);
    }
    const { value, da, db } = await loss.run({ a, b, loss_scale: lossScale });
    for (let at = 0; at < pairs; at += chunk) {
      const own = (x: Float32Array) => x.subarray(at * D, (at + chunk) * D);
      await (at === 0 ? first : more).run({
        ...rowsOf(inputs, at, chunk),
        random_key: randomKey(at / chunk),
        "gradient.a": own(da),
        "gradient.b": own(db),
      });
    }
    return value[0];
  }

  /** Frees the programs; parameters and gradients stay. */
  dispose(): void {
    for (const program of Object.values(this.#programs ?? {})) if (typeof program !== "string") program.dispose();
    this.#programs = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #compiled(inputs: Record<string, BatchArray>, pairs: number): Programs {
    const { device, chunk, encode, parameters, training, checkpointing = false } = this.#options;
    const differentiation = checkpointing ? { checkpoint: blockOfLayer } : {};
    const key = JSON.stringify([
      pairs,
      ...Object.entries(inputs).map(([name, x]) => [name, x.shape.slice(1), dtypeOf(x)]),
    ]);
    if (this.#programs?.key === key) return this.#programs;
    this.dispose();
    for (const { key: name, shape } of parameters) {
      if (!device.parameters.has(sumKey(name))) {
        device.parameters.set(sumKey(name), shape, new Float32Array(elements(shape)));
      }
    }
    const encoded = () => {
      const tensors = Object.entries(inputs).map(([name, x]): [string, Tensor] => [
        name,
        input(name, [chunk, ...x.shape.slice(1)], dtypeOf(x)),
      ]);
      return encode(Object.fromEntries(tensors));
    };
    const embed = compile(
      trace(() => ({ ...encoded() }), { training }),
      device,
    );
    const ofLoss = new Set<string>();
    const backward = (adds: boolean) =>
      compile(
        trace(
          () => {
            const { a, b } = encoded();
            const seeds = [
              { value: a, gradient: input("gradient.a", a.shape) },
              { value: b, gradient: input("gradient.b", b.shape) },
            ];
            const tensors = parameters.map((p) => parameter(p.key, p.shape));
            differentiate(seeds, tensors, differentiation).forEach((gradient, i) => {
              const { key: name, shape } = parameters[i];
              const sum = parameter(sumKey(name), shape);
              const joins = adds || ofLoss.has(name);
              if (gradient) update(sum, joins ? combined(sum, gradient, "add") : gradient);
              else if (!joins) update(sum, filled(shape, 0));
            });
            return {};
          },
          { training },
        ),
        device,
      );
    const D = embed.outputs.get("a")!.shape[1];
    const loss = this.#lossProgram(pairs, D, ofLoss);
    this.#programs = { key, embed, loss, first: backward(false), more: backward(true) };
    return this.#programs;
  }

  /** @param ofLoss receives the keys of the parameters of the loss (a temperature), whose gradients the program sets */
  #lossProgram(N: number, D: number, ofLoss: Set<string>): Program {
    const { parameters } = this.#options;
    const graph = trace(() => {
      const [a, b] = [input("a", [N, D]), input("b", [N, D])];
      const value = this.#options.loss(a, b);
      const gradient = nn.reshape(scalar("loss_scale"), value.shape);
      const own = parameters.map((p) => parameter(p.key, p.shape));
      const [da, db, ...rest] = differentiate([{ value, gradient }], [a, b, ...own]);
      rest.forEach((found, i) => {
        if (!found) return;
        ofLoss.add(parameters[i].key);
        update(parameter(sumKey(parameters[i].key), parameters[i].shape), found);
      });
      return { value, da: da ?? filled([N, D], 0), db: db ?? filled([N, D], 0) };
    });
    return compile(graph, this.#options.device);
  }
}

/** `count` rows of every array from row `first` on. */
function rowsOf(inputs: Record<string, BatchArray>, first: number, count: number): Record<string, BatchArray["data"]> {
  const parts = Object.entries(inputs).map(([name, { data, shape }]) => {
    const row = elements(shape.slice(1));
    return [name, data.subarray(first * row, (first + count) * row)] as const;
  });
  return Object.fromEntries(parts);
}
