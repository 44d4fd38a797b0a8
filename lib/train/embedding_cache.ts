import type { Device } from "../device.js";
import { InvalidArgumentError } from "../errors.js";
import { differentiate } from "../graph/autodiff.js";
import { combined, filled } from "../graph/gradients.js";
import { compile, type Program } from "../graph/program.js";
import { elements, type Tensor } from "../graph/tensor.js";
import { input, parameter, trace, update } from "../graph/trace.js";
import { sumKey } from "./step_program.js";
import { type BatchArray, dtypeOf } from "./task.js";

export interface EmbeddingCacheOptions {
  device: Device;
  /** Inside trace(): the embeddings `[n, D]` of the two sides of n pairs. */
  encode(inputs: Record<string, Tensor>): { a: Tensor; b: Tensor };
  /** Inside trace(): the loss `[1]` of all embeddings `[N, D]`. */
  loss(a: Tensor, b: Tensor): Tensor;
  /** Keys and shapes of the parameters by which is differentiated. */
  parameters: readonly { key: string; shape: readonly number[] }[];
  /** Pairs that are embedded at once; divides the batch. */
  chunk: number;
}

interface Programs {
  /** Inputs and shapes that they are compiled for. */
  key: string;
  embed: Program;
  loss: Program;
  /** Sets the gradients, and adds to them. */
  first: Program;
  more: Program;
}

/**
 * Gradients of a loss over batches that are too large to be encoded at once (Gao et al. 2021, arXiv 2101.06983): all chunks
 * are embedded without keeping anything for a backward pass, the loss is differentiated by the embeddings, then each chunk is
 * embedded again, with its backward pass from those gradients. Equal to the gradient of the whole batch but for the order
 * of sums. The encoders must give the same values both times: dropout has to be keyed by its inputs.
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
   * Leaves the gradient of each parameter in the store, under `gradient.<key>`.
   * @param inputs arrays whose first axis is the pair
   * @returns the loss
   * @throws InvalidArgumentError when the chunk does not divide the batch
   */
  async run(inputs: Record<string, BatchArray>): Promise<number> {
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
      const part = await embed.run(rowsOf(inputs, at, chunk));
      a.set(part.a, at * D);
      b.set(part.b, at * D);
    }
    const { value, da, db } = await loss.run({ a, b });
    for (let at = 0; at < pairs; at += chunk) {
      const own = (x: Float32Array) => x.subarray(at * D, (at + chunk) * D);
      await (at === 0 ? first : more).run({
        ...rowsOf(inputs, at, chunk),
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

  #compiled(inputs: Record<string, BatchArray>, pairs: number): Programs {
    const { device, chunk, encode, parameters } = this.#options;
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
      trace(() => ({ ...encoded() })),
      device,
    );
    const backward = (adds: boolean) =>
      compile(
        trace(() => {
          const { a, b } = encoded();
          const seeds = [
            { value: a, gradient: input("gradient.a", a.shape) },
            { value: b, gradient: input("gradient.b", b.shape) },
          ];
          const tensors = parameters.map((p) => parameter(p.key, p.shape));
          differentiate(seeds, tensors).forEach((gradient, i) => {
            const { key: name, shape } = parameters[i];
            const sum = parameter(sumKey(name), shape);
            const own = gradient ?? filled(shape, 0);
            update(sum, adds ? combined(sum, own, "add") : own);
          });
          return {};
        }),
        device,
      );
    const D = embed.outputs.get("a")!.shape[1];
    this.#programs = { key, embed, loss: this.#lossProgram(pairs, D), first: backward(false), more: backward(true) };
    return this.#programs;
  }

  #lossProgram(N: number, D: number): Program {
    const graph = trace(() => {
      const [a, b] = [input("a", [N, D]), input("b", [N, D])];
      const value = this.#options.loss(a, b);
      const [da, db] = differentiate([{ value, gradient: filled(value.shape, 1) }], [a, b]);
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
