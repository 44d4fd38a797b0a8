/// <reference lib="esnext.disposable" preserve="true" />
import { createDevice, type Device } from "../../runtime/device.js";
import { InvalidArgumentError } from "../../base/errors.js";
import { makeFolder } from "../../base/files.js";
import { optimize } from "../../compile/passes/index.js";
import { compile } from "../../runtime/compile.js";
import { ProgramCache } from "../../runtime/program_cache.js";
import type { Graph } from "../../graph/trace.js";
import { hashParameter } from "../../nn/random_weights.js";
import { textPieces } from "../../text/piece_ids.js";
import { type UnknownOfText, UnknownWords } from "../../text/unknown_words.js";
import { WordPieceTokenizer } from "../../text/wordpiece.js";
import { rowsFor } from "../buckets.js";
import type { Rows } from "../encode_clips.js";
import { type VideoClipConfig, videoClipConfig, videoClipPreset } from "./videoclip_config.js";
import { configFromText, loadInitial } from "./videoclip_initial.js";
import { traceText, traceVideo } from "./videoclip_graph.js";
import { VideoFiles } from "./videoclip_files.js";
import { textInputs, type VideoFeatures, videoInputs, videoWindows } from "./videoclip_input.js";
import { openParts, readVideos, saveVideoModel, type VideoClipParts } from "./videoclip_parts.js";
import { checkRows, type ComparedRows, dotProducts } from "./videoclip_similarity.js";
import { averageWindows, byBucket, joined } from "./videoclip_rows.js";
import type {
  EmbedOptions,
  EmbedVideoOptions,
  InitialVideoClipOptions,
  RandomVideoClipOptions,
  TextEmbeddings,
  VideoClipOptions,
  VideoClipTokenizer,
  VideoEmbeddings,
} from "./videoclip_types.js";
import { openVideoClip, saveConfig, saveVideoClip, videoClipParameters } from "./videoclip_weights.js";

/** Rows per program; smaller batches are rounded up to a power of two. */
const BATCH = 32;

/**
 * VideoCLIP (Xu et al. 2021, arXiv 2109.14084): one embedding space for videos, given as features, and texts. The layout of
 * tokens, masks and pooling is that of `MMFusionSeparate` (fairseq `examples/MMPT`). Rows do not depend on the batch.
 */
export class VideoClip {
  readonly config: VideoClipConfig;
  /** First 16 hex digits of the SHA-256 of the weight file, or `random:SEED`. */
  readonly weightsHash: string;
  readonly device: Device;
  /** Splits strings into word pieces; undefined if the model has no tokenizer. */
  readonly tokenizer?: VideoClipTokenizer;
  /** Words of all texts so far that the tokenizer does not know. */
  readonly unknownWords = new UnknownWords();
  #files: VideoFiles;
  #programs = new ProgramCache();

  private constructor(config: VideoClipConfig, device: Device, weightsHash: string, parts: VideoClipParts) {
    this.config = config;
    this.device = device;
    this.weightsHash = weightsHash;
    this.tokenizer = parts.tokenizer;
    this.#files = new VideoFiles(config.videoModel, { ...parts.video, device }); // the encoder uses the model's device
  }

  /**
   * Loads a folder written by `save`, or a checkpoint file of fairseq's MMPT. A folder's `tokenizer.json` or
   * `vocab.txt` and its `video_model.safetensors` are used if they exist.
   * @throws WeightsError with all missing, unexpected and wrong-shaped keys; InvalidArgumentError; DeviceError
   */
  static async load(path: string, options: VideoClipOptions = {}): Promise<VideoClip> {
    options.signal?.throwIfAborted();
    const source = await openVideoClip(path, options.config ?? {}, options.signal);
    try {
      const parts = openParts(source.config, options, source.folder);
      const device = createDevice(options);
      try {
        await source.load(device.parameters);
        return new VideoClip(source.config, device, source.weightsHash, parts);
      } catch (error) {
        device.dispose();
        throw error;
      }
    } finally {
      source.close();
    }
  }

  /** A model with random weights, for trials and tests. */
  static random(seed: number, options: RandomVideoClipOptions = {}): VideoClip {
    const config = videoClipConfig(options.config, videoClipPreset(options.preset ?? "videoclip"));
    const parts = openParts(config, options);
    const device = createDevice(options);
    try {
      for (const [key, shape] of videoClipParameters(config))
        device.parameters.set(key, shape, hashParameter(`random/${seed}/`, key, shape));
      return new VideoClip(config, device, `random:${seed}`, parts);
    } catch (error) {
      device.dispose();
      throw error;
    }
  }

  /**
   * A model for training: with a pretrained text model if one is given, otherwise random (matrices N(0, 0.02)).
   * @throws WeightsError for a text model that does not fit; InvalidArgumentError; DeviceError
   */
  static async initialize(options: InitialVideoClipOptions = {}): Promise<VideoClip> {
    const { preset = "videoclip", textModel, seed = 1, config: given = {} } = options;
    const base = videoClipPreset(preset);
    const config = textModel === undefined ? videoClipConfig(given, base) : configFromText(textModel, given, base);
    const parts = openParts(config, options, textModel);
    const device = createDevice(options);
    try {
      const hash = await loadInitial(device.parameters, config, seed, textModel, options.signal);
      options.signal?.throwIfAborted();
      return new VideoClip(config, device, hash, parts);
    } catch (error) {
      device.dispose();
      throw error;
    }
  }

  /**
   * Writes `config.json`, `model.safetensors` and, if the model has them, `tokenizer.json` and the unchanged weights of
   * the video encoder (`video_model.safetensors`) into a folder for `load`.
   * @param options.dtype of the model's weights. Default f32
   */
  async save(dir: string, { dtype }: { dtype?: "f32" | "f16" | undefined } = {}): Promise<void> {
    saveVideoClip(dir, this.config, this.device.parameters, dtype);
    await this.#saveParts(dir);
  }

  /** Writes what `save` writes but the weights of the model. @internal */
  async saveAllButWeights(dir: string): Promise<void> {
    makeFolder(dir);
    saveConfig(dir, this.config);
    await this.#saveParts(dir);
  }

  async #saveParts(dir: string): Promise<void> {
    if (this.tokenizer instanceof WordPieceTokenizer) this.tokenizer.save(dir);
    await saveVideoModel(dir, this.#files.options.weights);
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
   * Encodes videos. Each is given by its features `[T, featureSize]`, by the path of a `.npy` file with them, or by the
   * path of a video file, which is decoded and encoded by the config's frozen `videoModel`.
   * @throws VideoError for a video that cannot be decoded; InvalidArgumentError for features of another size, no
   * features, or too many (see `longVideos`)
   */
  async encodeVideo(
    videos: readonly (VideoFeatures | string)[] | VideoFeatures | string,
    options: EmbedVideoOptions = {},
  ): Promise<VideoEmbeddings> {
    const c = this.config;
    const { signal, tokens = false, longVideos = "error" } = options;
    const list = Array.isArray(videos) ? (videos as (VideoFeatures | string)[]) : [videos as VideoFeatures | string];
    const features = await readVideos(list, this.#files, c, options);
    const windows = videoWindows(
      features.map(({ shape }) => shape[0]),
      c.maxVideoLength,
      longVideos,
    );
    const dim = c.hiddenSize;
    const windowData = new Float32Array(windows.length * dim);
    const pieces = list.map((): Float32Array[] => []);
    for (let first = 0; first < windows.length; first += BATCH) {
      const part = windows.slice(first, first + BATCH);
      const N = rowsFor(part.length);
      const inputs = videoInputs(features, part, N, c);
      const asked = tokens !== false;
      const result = await this.#run(`video ${N} ${asked}`, () => traceVideo(c, N, asked), inputs, signal);
      windowData.set(result.pooled.subarray(0, part.length * dim), first * dim);
      if (!asked) continue;
      part.forEach(({ video, start, end }, row) => {
        const at = row * c.maxVideoLength * dim;
        const count = tokens === "padded" ? c.maxVideoLength : end - start;
        pieces[video].push(result.tokens.slice(at, at + count * dim));
      });
    }
    const data = averageWindows(windowData, windows, list.length, dim);
    const result = { ...rowsResult(data, list.length, dim), windows, windowData, windowRows: windowData };
    return tokens ? { ...result, tokens: pieces.map(joined) } : result;
  }

  /** @deprecated Use `encodeVideo`. */
  embedVideo(...args: Parameters<VideoClip["encodeVideo"]>): Promise<VideoEmbeddings> {
    return this.encodeVideo(...args);
  }

  /**
   * Encodes texts, each given as a string or as the ids of its word pieces without [CLS] and [SEP].
   * @throws InvalidArgumentError for strings without a tokenizer, or ids outside the vocabulary
   */
  async encodeText(
    texts: readonly (string | readonly number[])[] | string,
    options: EmbedOptions = {},
  ): Promise<TextEmbeddings> {
    const c = this.config;
    const { signal, tokens = false } = options;
    const unknown: UnknownOfText[] = [];
    const all = (typeof texts === "string" ? [texts] : texts).map((text, i) => {
      if (typeof text !== "string") return this.#checkIds(text, i);
      const { ids, unknown: words } = this.#pieces(text, i);
      if (words.length > 0) unknown.push({ text: i, words: [...words] });
      return ids;
    });
    for (const { words } of unknown) this.unknownWords.add(words);
    const dim = c.hiddenSize;
    const data = new Float32Array(all.length * dim);
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
          data.set(result.pooled.subarray(row * dim, (row + 1) * dim), i * dim);
          if (tokens) pieces[i] = result.tokens.slice(row * S * dim, (row * S + kept[i].length + 2) * dim);
        });
      }
    }
    return { ...rowsResult(data, all.length, dim), truncated, unknown, ...(tokens ? { tokens: pieces } : {}) };
  }

  /** @deprecated Use `encodeText`. */
  embedText(...args: Parameters<VideoClip["encodeText"]>): Promise<TextEmbeddings> {
    return this.encodeText(...args);
  }

  #pieces(text: string, index: number) {
    if (this.tokenizer) return textPieces(this.tokenizer, text);
    throw new InvalidArgumentError(
      `texts[${index}]: a string needs a tokenizer: give load the path of a vocab.txt, or pass the ids of word pieces`,
      { argument: "texts" },
    );
  }

  #checkIds(text: readonly number[], index: number): readonly number[] {
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
   * @throws InvalidArgumentError for rows of another width
   */
  async similarity(
    videos: ComparedRows,
    texts: ComparedRows,
    options: { signal?: AbortSignal | undefined } = {},
  ): Promise<Rows> {
    const { hiddenSize: dim } = this.config;
    const [v, t] = [checkRows("videos", videos, dim), checkRows("texts", texts, dim)];
    const data = await dotProducts(v, t, dim, (key, graph, inputs) => this.#run(key, graph, inputs, options.signal));
    return { data, shape: [v.length / dim, t.length / dim] };
  }

  /** Frees the programs, the video encoder and the device. A second call does nothing. */
  dispose(): void {
    this.#files.dispose();
    this.#programs.clear();
    this.device.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** A matrix of rows, also under the deprecated names of its parts. */
const rowsResult = (data: Float32Array, rows: number, dim: number) => ({
  data,
  shape: [rows, dim] as const,
  rows: data,
  dim,
});
