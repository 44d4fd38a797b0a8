/// <reference lib="esnext.disposable" preserve="true" />
import { createDevice, type Device, type DeviceOptions } from "../../runtime/device.js";
import { InvalidArgumentError } from "../../base/errors.js";
import { optimize } from "../../compile/passes/index.js";
import { compile } from "../../runtime/compile.js";
import { ProgramCache } from "../../runtime/program_cache.js";
import { hashParameter } from "../../nn/random_weights.js";
import type { KeyMap } from "../../weights/rename.js";
import { beamSearch, checkSearch, type Hypothesis, type SearchOptions } from "./beam_search.js";
import { marianConfig } from "./marian_config.js";
import { checkTransformer, TRANSFORMER_BASE, type TransformerConfig } from "./transformer.js";
import {
  cachedDecoder,
  encodeSources,
  plainDecoder,
  type RunProgram,
  sourceLength,
  type SourceTokens,
} from "./transformer_decode.js";
import { embeddingKey } from "./transformer_keys.js";
import { loadTransformer, transformerFiles, transformerParameters } from "./transformer_weights.js";

export interface TransformerOptions extends DeviceOptions {
  /** Fields that replace those of the folder's `config.json`, or those of `TRANSFORMER_BASE` without a folder. */
  config?: Partial<TransformerConfig> | undefined;
  /**
   * Embedding tables f32 `[vocabulary, embeddingWidth]` that replace those of the weights: word vectors, as made by
   * `wordTable`. The weight file may then lack them.
   */
  embeddings?: { source?: Float32Array | undefined; target?: Float32Array | undefined } | undefined;
  /**
   * Maps the keys of the file to those of `torch.nn.Transformer`: `torchKeys` for other names of the enclosing modules.
   * Default: Marian's files are recognised.
   */
  rename?: KeyMap | undefined;
  signal?: AbortSignal | undefined;
}

export interface GenerateOptions extends Omit<SearchOptions, "maxLength"> {
  /** Maximum tokens of a result. Default: the length of the longest source plus 50, as in the paper. */
  maxLength?: number | undefined;
  /**
   * Cache keys and values of earlier tokens. Without the cache every step computes the whole prefix again. Default
   * true.
   */
  cache?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

/** The given embedding tables by key. @throws InvalidArgumentError for a table of another size */
function embeddingTables(c: TransformerConfig, { embeddings = {} }: TransformerOptions): Map<string, Float32Array> {
  const sides = { source: ["encoder", c.sourceVocabulary], target: ["decoder", c.targetVocabulary] } as const;
  const tables = new Map<string, Float32Array>();
  for (const [name, [side, rows]] of Object.entries(sides)) {
    const table = embeddings[name as keyof typeof sides];
    if (!table) continue;
    const width = c.embeddingWidth ?? c.width;
    if (table.length !== rows * width) {
      throw new InvalidArgumentError(
        `embeddings.${name}: expected [${rows}, ${width}] values, received ${table.length}: set embeddingWidth in config`,
        { argument: `embeddings.${name}`, expected: [rows, width], received: table.length },
      );
    }
    tables.set(`${embeddingKey(side, c.sharedEmbedding)}.weight`, table);
  }
  return tables;
}

function checkSource(source: SourceTokens, i: number, all: readonly SourceTokens[], c: TransformerConfig): void {
  const fail = (expected: string, received: unknown) =>
    new InvalidArgumentError(`sources[${i}]: expected ${expected}, received ${String(received)}`, {
      argument: "sources",
      received,
    });
  if ("shape" in source !== "shape" in all[0]) throw fail("ids or one-hot rows, as sources[0] has", "the other kind");
  const V = c.sourceVocabulary;
  if ("shape" in source) {
    const { data, shape } = source;
    if (shape[0] >= 1 && shape[1] === V && data.length === shape[0] * V) return;
    throw fail(`rows [S, ${V}]`, `[${shape.join(", ")}] with ${data.length} values`);
  }
  const wrong = source.find((id) => !Number.isInteger(id) || id < 0 || id >= V);
  if (source.length === 0 || wrong !== undefined) throw fail(`at least one id from 0 to ${V - 1}`, wrong ?? "none");
}

/** Encoder-decoder Transformer (Vaswani et al. 2017, arXiv 1706.03762) from token ids to token ids. */
export class Transformer {
  readonly config: TransformerConfig;
  readonly device: Device;
  /** First 16 hex digits of the SHA-256 of the weight file, or `random:SEED`. */
  readonly weightsHash: string;
  #programs = new ProgramCache();
  #last: Promise<unknown> = Promise.resolve();

  private constructor(config: TransformerConfig, device: Device, weightsHash: string) {
    this.config = config;
    this.device = device;
    this.weightsHash = weightsHash;
  }

  /**
   * Loads a Hugging Face folder of a Marian model, or a weight file: Marian's, or one with the keys of `torch.nn.Transformer`
   * (see `rename`).
   * @throws WeightsError with all missing, unexpected and wrong-shaped keys; InvalidArgumentError; DeviceError
   */
  static async load(path: string, options: TransformerOptions = {}): Promise<Transformer> {
    options.signal?.throwIfAborted();
    const files = transformerFiles(path);
    const stored = files.config ? marianConfig(files.config) : {};
    const config = checkTransformer({ ...TRANSFORMER_BASE, ...stored, ...options.config });
    const device = createDevice(options);
    try {
      const { rename, signal } = options;
      const given = embeddingTables(config, options);
      const hash = await loadTransformer(files.weights, config, device.parameters, { given, rename, signal });
      return new Transformer(config, device, hash);
    } catch (error) {
      device.dispose();
      throw error;
    }
  }

  /** A model with random weights, for trials and tests. */
  static random(seed: number, options: TransformerOptions = {}): Transformer {
    const config = checkTransformer({ ...TRANSFORMER_BASE, ...options.config });
    const tables = embeddingTables(config, options);
    const device = createDevice(options);
    for (const [key, shape] of transformerParameters(config))
      device.parameters.set(key, shape, tables.get(key) ?? hashParameter(`random/${seed}/`, key, shape));
    return new Transformer(config, device, `random:${seed}`);
  }

  /** Number of compiled programs in the cache. */
  get programs(): number {
    return this.#programs.size;
  }

  /**
   * Generates target ids for source ids by greedy or beam search.
   * @param sources ids of each, with the end token of the model's training, or one-hot rows (all of one kind)
   * @returns for each source up to `beams` results, best first; ids without start and end
   * @throws InvalidArgumentError for an empty source, ids outside the vocabulary or rows of another width
   */
  generate(sources: readonly SourceTokens[], options: GenerateOptions = {}): Promise<Hypothesis[][]> {
    // one search at a time, since searches share the caches in the store
    const turn = this.#last.then(() => this.#search(sources, options));
    this.#last = turn.catch(() => {});
    return turn;
  }

  async #search(sources: readonly SourceTokens[], options: GenerateOptions): Promise<Hypothesis[][]> {
    const c = this.config;
    sources.forEach((source, i) => checkSource(source, i, sources, c));
    if (sources.length === 0) return [];
    const { beams = 1, cache = true, signal } = options;
    const longest = sources.reduce((n, source) => Math.max(n, sourceLength(source)), 0);
    const search = { ...options, maxLength: options.maxLength ?? longest + 50 };
    checkSearch(search);
    const run: RunProgram = (key, graph, inputs) => {
      const program = this.#programs.get(key, () => compile(optimize(graph()), this.device));
      return program.run(inputs, { signal });
    };
    const store = this.device.parameters;
    const memory = await encodeSources(run, store, sources, beams, c);
    const next = cache ? cachedDecoder(run, store, memory, search.maxLength, c) : plainDecoder(run, memory, c);
    const tokens = { start: c.startId, end: c.endId, forbidden: c.forbiddenIds };
    return beamSearch(next, sources.length, tokens, search);
  }

  /** Frees the programs and the device. A second call does nothing. */
  dispose(): void {
    this.#programs.clear();
    this.device.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
