import type { Device } from "../../runtime/device.js";
import { optimize } from "../../compile/passes/index.js";
import { compile } from "../../runtime/compile.js";
import { ProgramCache } from "../../runtime/program_cache.js";
import { type Graph, input, trace } from "../../graph/trace.js";
import { maskedMean } from "../../nn/transformer_layers.js";
import type { Encoding, WordPieceTokenizer } from "../../text/wordpiece.js";
import { firstToken } from "./bert.js";
import { bucketOf, rowsFor } from "../buckets.js";
import type { TextConfig } from "./text_config.js";
import {
  classifierHead,
  gatherTokens,
  maskedLanguageHead,
  nextSentenceHead,
  spanHead,
  textEncoder,
  textPooler,
} from "./text_heads.js";

/**
 * The output of a program: one row per text (`mean`, `pooled`, `cls`, `nsp`, `classes`), per token, or per chosen
 * token.
 */
export type TextTask = "mean" | "pooled" | "cls" | "nsp" | "classes" | "tokens" | "tags" | "span" | "mlm";

/** Tokens of a program with padding, limited so that activations stay in the cache. */
const TOKENS = 4096;
/** Maximum texts of a program. */
const ROWS = 32;

/** The network of a task for N rows of S tokens; `chosen` tokens of the batch for `mlm`. @internal */
export function textGraph(
  task: TextTask,
  config: TextConfig,
  [N, S]: readonly [number, number],
  { classes = config.labels.length, chosen = 1 } = {},
): Graph {
  return trace(() => {
    const ids = input("ids", [N, S], "i32");
    const types = input("types", [N, S], "i32");
    const mask = input("mask", [N, S], "u8");
    const present = config.trigram ? input("present", [N, S, 1]) : undefined;
    const hidden = textEncoder({ ids, types, mask, present }, config);
    const heads: Record<TextTask, () => ReturnType<typeof textEncoder>> = {
      mean: () => maskedMean(hidden, mask, config.heads),
      pooled: () => textPooler(hidden, config),
      cls: () => firstToken(hidden),
      nsp: () => nextSentenceHead(textPooler(hidden, config)),
      classes: () => classifierHead(textPooler(hidden, config), classes),
      tokens: () => hidden,
      tags: () => classifierHead(hidden, classes),
      span: () => spanHead(hidden),
      mlm: () => maskedLanguageHead(gatherTokens(hidden, input("chosen", [chosen], "i32")), config),
    };
    return { y: heads[task]() };
  });
}

export interface TextRunOptions {
  signal?: AbortSignal | undefined;
  /** Minimum number of tokens to which every text is padded. For tests: results do not depend on it. @internal */
  minimum?: number | undefined;
}

/**
 * Runs texts through programs of few shapes: lengths are rounded up to a bucket and batches to a power of two, and
 * padding is masked. A text's result depends neither on the bucket nor on the batch.
 */
export class TextRunner {
  #programs = new ProgramCache();

  constructor(
    readonly device: Device,
    readonly config: TextConfig,
    readonly tokenizer: WordPieceTokenizer,
    readonly classes: number,
  ) {}

  /**
   * @param chosen for `mlm`: positions in each encoding
   * @returns for each encoding its values: of the text, of each of its tokens, or of each chosen token, row-major
   */
  async run(
    task: TextTask,
    encodings: readonly Encoding[],
    { signal, minimum = 1 }: TextRunOptions = {},
    chosen?: readonly number[][],
  ): Promise<Float32Array[]> {
    const groups = new Map<number, number[]>();
    encodings.forEach(({ ids }, i) => {
      const S = bucketOf(Math.max(ids.length, minimum), this.config.maxPositions);
      groups.set(S, [...(groups.get(S) ?? []), i]);
    });
    const results = new Array<Float32Array>(encodings.length);
    for (const [S, members] of groups) {
      const limit = Math.max(1, Math.min(ROWS, 2 ** Math.floor(Math.log2(TOKENS / S))));
      for (let first = 0; first < members.length; first += limit) {
        const batch = members.slice(first, first + limit);
        const places = chosen && batch.map((i) => chosen[i]);
        const values = await this.#runBatch(
          task,
          batch.map((i) => encodings[i]),
          S,
          places,
          signal,
        );
        batch.forEach((i, row) => {
          results[i] = values[row];
        });
      }
    }
    return results;
  }

  async #runBatch(task: TextTask, encodings: Encoding[], S: number, places?: number[][], signal?: AbortSignal) {
    const N = rowsFor(encodings.length);
    const { ids, types, mask } = this.tokenizer.pad2d(encodings, S);
    const pad = <T extends Int32Array | Uint8Array>(rows: T, whole: T): T => {
      whole.set(rows);
      return whole;
    };
    const inputs: Record<string, Int32Array | Uint8Array | Float32Array> = {
      ids: pad(ids, new Int32Array(N * S)),
      types: pad(types, new Int32Array(N * S)),
      mask: pad(mask, new Uint8Array(N * S)),
    };
    if (this.config.trigram) inputs.present = Float32Array.from(inputs.mask);
    const flat = places?.flatMap((list, row) => list.map((at) => row * S + at)) ?? [];
    const M = rowsFor(Math.max(1, flat.length));
    if (places) inputs.chosen = pad(Int32Array.from(flat), new Int32Array(M));
    const program = this.#programs.get(`${task} ${N} ${S} ${places ? M : ""}`, () => {
      const graph = textGraph(task, this.config, [N, S], { classes: this.classes, chosen: M });
      return compile(optimize(graph), this.device);
    });
    const { y } = await program.run(inputs, { signal });
    const width = program.outputs.get("y")!.shape.at(-1)!;
    let at = 0;
    return encodings.map((encoding, row) => {
      if (places) return y.slice(at * width, (at += places[row].length) * width);
      const perToken = y.length > N * width;
      const start = row * (perToken ? S : 1);
      return y.slice(start * width, (start + (perToken ? encoding.ids.length : 1)) * width);
    });
  }

  dispose(): void {
    this.#programs.clear();
  }
}
