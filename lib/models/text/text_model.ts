/// <reference lib="esnext.disposable" preserve="true" />
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createDevice, type Device, type DeviceOptions } from "../../runtime/device.js";
import { InvalidArgumentError, WeightsError } from "../../base/errors.js";
import type { UnknownOfText } from "../../text/unknown_words.js";
import { type Encoding, type TextOrPair, WordPieceTokenizer } from "../../text/wordpiece.js";
import { weightFile } from "../../weights/folder.js";
import type { Rows } from "../encode_clips.js";
import type { TextEncoder } from "./text_encoder.js";
import { parametersOf } from "../parameters.js";
import { answerQuestion, type Answer, type AnswerOptions } from "./question_answering.js";
import { type HuggingFaceConfig, readTextFields, type TextConfig, textConfig } from "./text_config.js";
import { fillMasks, type MaskCandidate, probabilities } from "./text_results.js";
import { textGraph, type TextRunOptions, TextRunner, type TextTask } from "./text_runner.js";
import { loadTextWeights, randomTextWeights, type TextHead, type TextWeights } from "./text_weights.js";

export interface TextModelOptions extends DeviceOptions {
  /** Maximum tokens of a text, including [CLS] and [SEP]. Default: the number of positions of the model. */
  maxLength?: number | undefined;
  /** Cut texts that have more tokens instead of refusing them. Default false. */
  truncate?: boolean | undefined;
  /** Use random weights instead of the folder's (for trials). */
  randomWeights?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface RandomTextModelOptions extends Omit<TextModelOptions, "randomWeights" | "signal"> {
  /** Fields of a Hugging Face `config.json`. */
  config: HuggingFaceConfig;
  /** A tokenizer, or the path of a `tokenizer.json`, a `vocab.txt` or a folder with one. */
  tokenizer: WordPieceTokenizer | string;
}

export interface EncodeTextOptions extends TextRunOptions {
  /**
   * `mean`: mean of all tokens' states; `cls`: the first token's state; `pooled`: that state through the pooler.
   * Default `mean`.
   */
  output?: "mean" | "cls" | "pooled" | undefined;
}

export interface LabelScore {
  label: string;
  /** Probability. */
  score: number;
}

export interface TokenLabel extends LabelScore {
  token: string;
  /** Position in the text, in UTF-16 code units. */
  start: number;
  end: number;
}

/** The task of a head, and the weights that it needs. */
const HEADS: Record<TextHead, string> = {
  pooled: "a pooler (BertModel)",
  mlm: "a masked-language head (BertForMaskedLM)",
  nsp: "a next-sentence head (BertForNextSentencePrediction)",
  classes: "a sequence classifier (BertForSequenceClassification)",
  tags: "a token classifier (BertForTokenClassification)",
  span: "a question-answering head (BertForQuestionAnswering)",
};

/** Parameters of the encoder with these heads. */
function shapesOf(config: TextConfig): (heads: Set<TextHead>, classes: number) => Map<string, readonly number[]> {
  return (heads, classes) => {
    const tasks: TextTask[] = ["tokens", ...heads];
    return new Map(tasks.flatMap((task) => [...parametersOf(textGraph(task, config, [1, 1], { classes }))]));
  };
}

/** A BERT or MobileBERT with its tokenizer. */
export class TextModel implements TextEncoder {
  #runner: TextRunner;
  #weights: TextWeights;
  #options: Pick<TextModelOptions, "truncate">;
  /** Maximum tokens of a text. */
  readonly maxLength: number;

  private constructor(runner: TextRunner, weights: TextWeights, options: TextModelOptions) {
    this.#runner = runner;
    this.#weights = weights;
    this.#options = options;
    this.maxLength = options.maxLength ?? runner.config.maxPositions;
  }

  /**
   * Loads BERT or MobileBERT from a Hugging Face folder: `config.json`, `model.safetensors` or `pytorch_model.bin` (or
   * the `.index.json` of either, with its files), and `tokenizer.json` or `vocab.txt`. The heads in the weights decide
   * which methods are available.
   * @throws WeightsError for files that are missing, broken or do not fit; InvalidArgumentError for a configuration
   * that is not supported; DeviceError
   */
  static async load(folder: string, options: TextModelOptions = {}): Promise<TextModel> {
    if (!existsSync(folder)) throw new WeightsError(`${folder}: there is no such folder`, { file: folder });
    const fields = readTextFields(join(folder, "config.json"));
    const { randomWeights, signal } = options;
    if (randomWeights !== undefined) {
      return TextModel.random(randomWeights, { ...options, config: fields, tokenizer: folder });
    }
    const config = textConfig(fields);
    const tokenizer = openTokenizer(folder, config, options);
    const device = createDevice(options);
    try {
      const weights = await loadTextWeights(device.parameters, weightFile(folder), config, shapesOf(config), signal);
      return new TextModel(new TextRunner(device, config, tokenizer, weights.classes), weights, options);
    } catch (error) {
      device.dispose();
      throw error;
    }
  }

  /**
   * A model with random weights, for trials and tests. It has all heads except one of the two classifiers.
   * @throws WeightsError; InvalidArgumentError; DeviceError
   */
  static random(seed: number, options: RandomTextModelOptions): TextModel {
    const config = textConfig(options.config);
    const tokenizer = openTokenizer(options.tokenizer, config, options);
    const device = createDevice(options);
    try {
      const weights = randomTextWeights(device.parameters, seed, config, shapesOf(config));
      return new TextModel(new TextRunner(device, config, tokenizer, weights.classes), weights, options);
    } catch (error) {
      device.dispose();
      throw error;
    }
  }

  /** `bert` or `mobilebert`. */
  get model(): TextConfig["family"] {
    return this.config.family;
  }

  /** Width of hidden states and of `encode`'s rows. */
  get dim(): number {
    return this.config.hidden;
  }

  get config(): TextConfig {
    return this.#runner.config;
  }

  get tokenizer(): WordPieceTokenizer {
    return this.#runner.tokenizer;
  }

  /** First 16 hex digits of the SHA-256 of the weight file, or `random:SEED`. */
  get weightsHash(): string {
    return this.#weights.hash;
  }

  /** The heads in the weights. */
  get heads(): ReadonlySet<TextHead> {
    return this.#weights.heads;
  }

  #tokenize(text: TextOrPair): Encoding {
    const encoding = this.tokenizer.encode(text, this.#options.truncate ? { maxLength: this.maxLength } : {});
    if (encoding.ids.length <= this.maxLength) return encoding;
    throw new InvalidArgumentError(
      `text: ${encoding.ids.length} tokens where the model takes ${this.maxLength}: shorten it, or load with truncate: true`,
      { argument: "text", expected: this.maxLength, received: encoding.ids.length },
    );
  }

  #need(head: TextHead): void {
    if (this.#weights.heads.has(head)) return;
    throw new WeightsError(`these weights have no such head: this call needs ${HEADS[head]}`, { expected: head });
  }

  /**
   * One row per text: f32 `[texts.length, dim]`, not normalised; and the texts with words that the tokenizer does not
   * know.
   * @throws InvalidArgumentError for a text that is too long; WeightsError for `pooled` without a pooler
   */
  async encode(
    texts: readonly TextOrPair[],
    options: EncodeTextOptions = {},
  ): Promise<Rows & { unknown: UnknownOfText[] }> {
    const { output = "mean" } = options;
    if (!["mean", "cls", "pooled"].includes(output)) {
      throw new InvalidArgumentError(`output: expected mean, cls or pooled, received ${output}`, {
        argument: "output",
      });
    }
    if (output === "pooled") this.#need("pooled");
    const encodings = texts.map((text) => this.#tokenize(text));
    const data = new Float32Array(texts.length * this.dim);
    (await this.#runner.run(output, encodings, options)).forEach((row, i) => data.set(row, i * this.dim));
    const unknown = encodings.flatMap(({ unknown: words }, text): UnknownOfText[] =>
      words.length > 0 ? [{ text, words }] : [],
    );
    return { data, shape: [texts.length, this.dim], unknown };
  }

  /** Hidden states of every token of every text: f32 `[tokens, dim]`, with their tokens. */
  async encodeTokens(
    texts: readonly TextOrPair[],
    options: TextRunOptions = {},
  ): Promise<{ encoding: Encoding; states: Float32Array }[]> {
    const encodings = texts.map((text) => this.#tokenize(text));
    const states = await this.#runner.run("tokens", encodings, options);
    return encodings.map((encoding, i) => ({ encoding, states: states[i] }));
  }

  /** For each [MASK] of the text the `topK` most probable tokens (default 5), best first. */
  async fillMask(
    text: TextOrPair,
    options: TextRunOptions & { topK?: number | undefined } = {},
  ): Promise<MaskCandidate[][]> {
    this.#need("mlm");
    return fillMasks(this.#runner, this.#tokenize(text), typeof text === "string" ? text : text.join(" "), options);
  }

  /** Probability that the second text follows the first. */
  async nextSentence(first: string, second: string, options: TextRunOptions = {}): Promise<{ isNext: number }> {
    this.#need("nsp");
    const [logits] = await this.#runner.run("nsp", [this.#tokenize([first, second])], options);
    return { isNext: probabilities(logits)[0] };
  }

  /** Classes of a text by falling probability; those of a multi-label model are independent. */
  async classify(
    text: TextOrPair,
    options: TextRunOptions & { topK?: number | undefined } = {},
  ): Promise<LabelScore[]> {
    this.#need("classes");
    const [logits] = await this.#runner.run("classes", [this.#tokenize(text)], options);
    const scores = this.config.multiLabel
      ? Array.from(logits, (v) => 1 / (1 + Math.exp(-v)))
      : [...probabilities(logits)];
    const labels = scores.map((score, i) => ({ label: this.#label(i), score }));
    return labels.sort((a, b) => b.score - a.score).slice(0, options.topK);
  }

  /** The most probable class of each token, without [CLS] and [SEP]. */
  async classifyTokens(text: TextOrPair, options: TextRunOptions = {}): Promise<TokenLabel[]> {
    this.#need("tags");
    const encoding = this.#tokenize(text);
    const [logits] = await this.#runner.run("tags", [encoding], options);
    const classes = this.#weights.classes;
    return encoding.tokens.flatMap((token, i) => {
      if (encoding.texts[i] < 0) return [];
      const scores = probabilities(logits.subarray(i * classes, (i + 1) * classes));
      const best = scores.indexOf(scores.reduce((a, b) => Math.max(a, b)));
      const [start, end] = encoding.offsets[i];
      return [{ token, label: this.#label(best), score: scores[best], start, end }];
    });
  }

  /**
   * The span of the context that answers the question. A long context is read in overlapping windows.
   * @throws InvalidArgumentError when the question leaves no room, or the context is empty
   */
  async answer(question: string, context: string, options: AnswerOptions = {}): Promise<Answer> {
    this.#need("span");
    return answerQuestion(this.#runner, this.maxLength, question, context, options);
  }

  #label(i: number): string {
    return this.config.labels[i] ?? `LABEL_${i}`;
  }

  get device(): Device {
    return this.#runner.device;
  }

  /** Frees the programs and the weights, and the device unless it is shared. A second call does nothing. */
  dispose(): void {
    this.#runner.dispose();
    this.#runner.device.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * The tokenizer of a model. @throws WeightsError when it belongs to another model; InvalidArgumentError for a
 * `maxLength` out of range
 */
function openTokenizer(
  given: WordPieceTokenizer | string,
  config: TextConfig,
  { maxLength = config.maxPositions }: TextModelOptions,
): WordPieceTokenizer {
  if (!Number.isInteger(maxLength) || maxLength < 3 || maxLength > config.maxPositions) {
    throw new InvalidArgumentError(`maxLength: expected 3 to ${config.maxPositions}, received ${maxLength}`, {
      argument: "maxLength",
    });
  }
  const tokenizer = typeof given === "string" ? WordPieceTokenizer.load(given) : given;
  if (tokenizer.size <= config.vocabulary) return tokenizer;
  const where = typeof given === "string" ? `${given}: ` : "";
  throw new WeightsError(
    `${where}the tokenizer has ${tokenizer.size} tokens, the model ${config.vocabulary}: they do not belong together`,
    { file: typeof given === "string" ? given : undefined, expected: config.vocabulary, received: tokenizer.size },
  );
}

/** @deprecated Use `TextModel.load`. */
export const loadTextModel = (folder: string, options: TextModelOptions = {}): Promise<TextModel> =>
  TextModel.load(folder, options);
