import { createDevice, type Device } from "../device.js";
import { InvalidArgumentError } from "../errors.js";
import { linear } from "../graph/ops/index.js";
import { optimize } from "../graph/passes/index.js";
import { compile } from "../graph/program.js";
import { ProgramCache } from "../graph/program_cache.js";
import { applyOp, type Graph, input, trace } from "../graph/trace.js";
import { hashParameter } from "../nn/random_weights.js";
import { type VideoClipConfig, videoClipConfig } from "./videoclip_config.js";
import { traceText, traceVideo } from "./videoclip_graph.js";
import { readFeatures, textInputs, type VideoFeatures, videoInputs, videoWindows } from "./videoclip_input.js";
import { averageWindows, block, byBucket, joined, rowsFor } from "./videoclip_rows.js";
import type {
  EmbedOptions,
  EmbedVideoOptions,
  TextEmbeddings,
  VideoClipOptions,
  VideoClipTokenizer,
  VideoEmbeddings,
} from "./videoclip_types.js";
import { openVideoClip, saveVideoClip, videoClipParameters } from "./videoclip_weights.js";

/** Rows per program; smaller batches take the next power of two. */
const BATCH = 32;
/** Rows and columns of one block of similarities. */
const BLOCK = 128;

/**
 * VideoCLIP (Xu et al. 2021, arXiv 2109.14084): one embedding space for videos, given as features, and texts. The layout of
 * tokens, masks and pooling is that of `MMFusionSeparate` (fairseq `examples/MMPT`). Rows do not depend on the batch.
 */
export class VideoClip {
  readonly config: VideoClipConfig;
  /** First 16 hex digits of the SHA-256 of the weight file, or `random:SEED`. */
  readonly weightsHash: string;
  readonly device: Device;
  #tokenizer?: VideoClipTokenizer;
  #programs = new ProgramCache();

  private constructor(config: VideoClipConfig, device: Device, weightsHash: string, tokenizer?: VideoClipTokenizer) {
    this.config = config;
    this.device = device;
    this.weightsHash = weightsHash;
    this.#tokenizer = tokenizer;
  }

  /**
   * Loads a folder written by `save`, or a checkpoint file of fairseq's MMPT.
   * @throws WeightsError with all missing, unexpected and wrong-shaped keys; InvalidArgumentError; DeviceError
   */
  static async load(path: string, options: VideoClipOptions = {}): Promise<VideoClip> {
    options.signal?.throwIfAborted();
    const source = await openVideoClip(path, options.config ?? {});
    try {
      options.signal?.throwIfAborted();
      return this.#open(source.config, options, source.weightsHash, (device) => source.load(device.parameters));
    } finally {
      source.close();
    }
  }

  /** A model with generated weights, for trying things out and for tests. */
  static random(seed: number, options: VideoClipOptions = {}): VideoClip {
    const config = videoClipConfig(options.config);
    return this.#open(config, options, `random:${seed}`, (device) => {
      for (const [key, shape] of videoClipParameters(config))
        device.parameters.set(key, shape, hashParameter(`random/${seed}/`, key, shape));
    });
  }

  static #open(config: VideoClipConfig, options: VideoClipOptions, hash: string, fill: (device: Device) => void) {
    const device = createDevice(options);
    try {
      fill(device);
    } catch (error) {
      device.dispose();
      throw error;
    }
    return new VideoClip(config, device, hash, options.tokenizer);
  }

  /** Writes `config.json` and `model.safetensors` (f32) into a folder that `load` takes. */
  save(dir: string): void {
    saveVideoClip(dir, this.config, this.device.parameters);
  }

  #run(
    key: string,
    graph: () => Graph,
    inputs: Parameters<ReturnType<typeof compile>["run"]>[0],
    signal?: AbortSignal,
  ) {
    const program = this.#programs.get(key, () => compile(optimize(graph()), this.device));
    return program.run(inputs, { signal });
  }

  /**
   * Embeds videos, each given by its features `[T, featureSize]` or by the path of a `.npy` file with them.
   * @throws InvalidArgumentError for features of another size, none at all, or too many of them (see `longVideos`)
   */
  async embedVideo(
    videos: readonly (VideoFeatures | string)[] | VideoFeatures | string,
    options: EmbedVideoOptions = {},
  ): Promise<VideoEmbeddings> {
    const c = this.config;
    const { signal, tokens = false, longVideos = "error" } = options;
    const list = Array.isArray(videos) ? (videos as (VideoFeatures | string)[]) : [videos as VideoFeatures | string];
    const features = list.map((video, i) => readFeatures(video, i, c));
    const windows = videoWindows(
      features.map(({ shape }) => shape[0]),
      c.maxVideoLength,
      longVideos,
    );
    const dim = c.hiddenSize;
    const windowRows = new Float32Array(windows.length * dim);
    const pieces = list.map((): Float32Array[] => []);
    for (let first = 0; first < windows.length; first += BATCH) {
      const part = windows.slice(first, first + BATCH);
      const N = rowsFor(part.length);
      const inputs = videoInputs(features, part, N, c);
      const result = await this.#run(`video ${N} ${tokens}`, () => traceVideo(c, N, tokens), inputs, signal);
      windowRows.set(result.pooled.subarray(0, part.length * dim), first * dim);
      if (!tokens) continue;
      part.forEach(({ video, start, end }, row) => {
        const at = row * c.maxVideoLength * dim;
        pieces[video].push(result.tokens.slice(at, at + (end - start) * dim));
      });
    }
    const result = { rows: averageWindows(windowRows, windows, list.length, dim), dim, windows, windowRows };
    return tokens ? { ...result, tokens: pieces.map(joined) } : result;
  }

  /**
   * Embeds texts, each given as a string or as the ids of its word pieces without [CLS] and [SEP].
   * @throws InvalidArgumentError for strings without a tokenizer, or ids outside the vocabulary
   */
  async embedText(
    texts: readonly (string | readonly number[])[] | string,
    options: EmbedOptions = {},
  ): Promise<TextEmbeddings> {
    const c = this.config;
    const { signal, tokens = false } = options;
    const all = (typeof texts === "string" ? [texts] : texts).map((text, i) => this.#pieces(text, i));
    const dim = c.hiddenSize;
    const rows = new Float32Array(all.length * dim);
    const pieces: Float32Array[] = [];
    const truncated = all.flatMap((ids, i) => (ids.length > c.maxTextLength ? [i] : []));
    const kept = all.map((ids) => ids.slice(0, c.maxTextLength));
    for (const [S, members] of byBucket(kept, c.maxTextLength + 2)) {
      for (let first = 0; first < members.length; first += BATCH) {
        const part = members.slice(first, first + BATCH);
        const N = rowsFor(part.length);
        const inputs = textInputs(
          part.map((i) => kept[i]),
          N,
          S,
          c,
        );
        const result = await this.#run(`text ${N} ${S} ${tokens}`, () => traceText(c, N, S, tokens), inputs, signal);
        part.forEach((i, row) => {
          rows.set(result.pooled.subarray(row * dim, (row + 1) * dim), i * dim);
          if (tokens) pieces[i] = result.tokens.slice(row * S * dim, (row * S + kept[i].length + 2) * dim);
        });
      }
    }
    return { rows, dim, truncated, ...(tokens ? { tokens: pieces } : {}) };
  }

  #pieces(text: string | readonly number[], index: number): readonly number[] {
    if (typeof text === "string") {
      if (this.#tokenizer) return this.#tokenizer.encode(text).ids.slice(1, -1);
      throw new InvalidArgumentError(
        `texts[${index}]: a string needs a tokenizer: give one to load, or pass the ids of word pieces`,
        { argument: "texts" },
      );
    }
    const wrong = text.find((id) => !Number.isInteger(id) || id < 0 || id >= this.config.vocabularySize);
    if (wrong === undefined) return text;
    throw new InvalidArgumentError(
      `texts[${index}]: expected ids from 0 to ${this.config.vocabularySize - 1}, received ${wrong}`,
      { argument: "texts", received: wrong },
    );
  }

  /**
   * Raw dot products, without a temperature (the paper's is 1): f32 `[videos, texts]`.
   * @param videos f32 `[videos, dim]` @param texts f32 `[texts, dim]`
   */
  async similarity(
    videos: Float32Array | { rows: Float32Array },
    texts: Float32Array | { rows: Float32Array },
    options: { signal?: AbortSignal } = {},
  ): Promise<Float32Array> {
    const dim = this.config.hiddenSize;
    const [v, t] = Object.entries({ videos, texts }).map(([name, given]) => {
      const rows = given instanceof Float32Array ? given : given.rows;
      if (rows.length % dim === 0) return rows;
      throw new InvalidArgumentError(`${name}: expected rows of ${dim} values, received ${rows.length} values`, {
        argument: name,
      });
    });
    const [V, T] = [v.length / dim, t.length / dim];
    const out = new Float32Array(V * T);
    const graph = () =>
      trace(() => {
        const [a, b] = ["a", "b"].map((name) => input(name, [BLOCK, dim]));
        return { y: applyOp(linear, [a, b, null], { outFeatures: BLOCK, activation: "none" })[0] };
      });
    for (let i = 0; i < V; i += BLOCK) {
      for (let j = 0; j < T; j += BLOCK) {
        const inputs = { a: block(v, i * dim, BLOCK * dim), b: block(t, j * dim, BLOCK * dim) };
        const { y } = await this.#run("similarity", graph, inputs, options.signal);
        const columns = Math.min(BLOCK, T - j);
        for (let row = 0; row < Math.min(BLOCK, V - i); row++)
          out.set(y.subarray(row * BLOCK, row * BLOCK + columns), (i + row) * T + j);
      }
    }
    return out;
  }

  /** Frees the programs and the device. A second call does nothing. */
  dispose(): void {
    this.#programs.clear();
    this.device.dispose();
  }

  [Symbol.dispose ?? Symbol.for("Symbol.dispose")](): void {
    this.dispose();
  }
}
