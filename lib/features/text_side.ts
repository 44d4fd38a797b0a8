/// <reference lib="esnext.disposable" preserve="true" />
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { InvalidArgumentError } from "../base/errors.js";
import { S3DTextEncoder } from "../models/text/s3d_text.js";
import { VideoClip } from "../models/videoclip/videoclip.js";
import type { NDArray } from "../base/nd_array.js";
import type { UnknownOfText } from "../text/unknown_words.js";
import { IndexError, type TextSideInfo } from "./index_format.js";

/** What encodes texts: a `TextSide`, a `TextModel`, an `S3DTextEncoder`, or `{ encode: (texts) => model.encodeText(texts) }`. */
export interface TextRows {
  /** @returns f32 `[texts.length, dim]`, and the words that are not in the vocabulary, if it says so */
  encode(
    texts: readonly string[],
    options?: { signal?: AbortSignal | undefined },
  ): Promise<NDArray & { unknown?: readonly UnknownOfText[] | undefined }>;
}

/** @deprecated Give `encode`. */
export interface EmbeddedTexts {
  embed(texts: readonly string[], options?: { signal?: AbortSignal | undefined }): Promise<Float32Array>;
}

/** The rows of texts, f32 `[texts.length, dim]`, by what encodes them, and the words that it does not know. @internal */
export async function textRows(
  text: TextRows | EmbeddedTexts,
  texts: readonly string[],
  signal: AbortSignal | undefined,
): Promise<{ rows: Float32Array; unknown: string[] }> {
  if (!("encode" in text)) return { rows: await text.embed(texts, { signal }), unknown: [] };
  const { data, unknown = [] } = await text.encode(texts, { signal });
  return { rows: data, unknown: unknown.flatMap(({ words }) => words) };
}

/** A model that encodes texts into the space of an index. */
export interface TextSide extends TextRows {
  readonly dim: number;
  /** What an index records to open it again. */
  readonly info: TextSideInfo;
  /** @deprecated Use `encode`. @returns f32 `[texts.length, dim]` */
  embed(texts: readonly string[], options?: { signal?: AbortSignal | undefined }): Promise<Float32Array>;
  dispose(): void;
  [Symbol.dispose](): void;
}

/** A text side from what encodes and what frees. */
function textSide(info: TextSideInfo, dim: number, encode: TextRows["encode"], dispose: () => void): TextSide {
  return {
    dim,
    info,
    encode,
    embed: async (texts, options) => (await encode(texts, options)).data,
    dispose,
    [Symbol.dispose]: dispose,
  };
}

/** A VideoCLIP model: a folder that `VideoClip.save` wrote, or a checkpoint file. */
export interface VideoClipTextSide {
  kind: "videoclip";
  path: string;
  /** What splits its texts, where the model's folder has nothing: a tokenizer.json, a vocab.txt or a folder with one. */
  tokenizer?: string | undefined;
  /** First 16 hex digits of the SHA-256 of the weight file. */
  weights?: string | undefined;
}

/** The text tower of S3D-G, whose rows lie in one space with the video encoder's `video_embedding`. */
export interface S3DTextSide {
  kind: "s3dg";
  /** The checkpoint; absent for generated weights. */
  path?: string | undefined;
  randomWeights?: number | undefined;
  /** `s3d_dict.npy`. */
  words: string;
  weights?: string | undefined;
}

export interface OpenTextSideOptions {
  threads?: number | undefined;
  /** Where the model, its tokenizer and its word list are now, if they are not where they were. */
  path?: string | undefined;
  tokenizer?: string | undefined;
  words?: string | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Opens the model that an index records, or that is given for a new one.
 * @throws IndexError when the weights are not those that the index was made with; InvalidArgumentError for a model that is not
 * where it was; WeightsError
 */
export async function openTextSide(info: TextSideInfo, options: OpenTextSideOptions = {}): Promise<TextSide> {
  if (info.kind === "videoclip") return openVideoClipSide(info as unknown as VideoClipTextSide, options);
  if (info.kind === "s3dg") return openS3DSide(info as unknown as S3DTextSide, options);
  throw new InvalidArgumentError(`text: a model of kind ${info.kind} is not known`, { argument: "text" });
}

/** The text side of a VideoCLIP model that is open already; disposing of it leaves the model open. */
export function videoClipTextSide(model: VideoClip, path: string, tokenizer?: string): TextSide {
  return ofVideoClip(model, path, tokenizer, () => {});
}

function ofVideoClip(model: VideoClip, path: string, tokenizer: string | undefined, dispose: () => void): TextSide {
  const info = { kind: "videoclip", path: resolve(path), tokenizer: tokenizer && resolve(tokenizer) };
  const encode: TextRows["encode"] = (texts, { signal } = {}) => model.encodeText(texts, { signal });
  return textSide({ ...info, weights: model.weightsHash }, model.config.hiddenSize, encode, dispose);
}

async function openVideoClipSide(info: VideoClipTextSide, options: OpenTextSideOptions): Promise<TextSide> {
  const path = existing(options.path ?? info.path, "model");
  const tokenizer = options.tokenizer ?? info.tokenizer;
  const { threads, signal } = options;
  const model = await VideoClip.load(path, { device: "cpu", threads, signal, tokenizer });
  try {
    checkWeights(path, info.weights, model.weightsHash);
  } catch (error) {
    model.dispose();
    throw error;
  }
  return ofVideoClip(model, path, tokenizer, () => model.dispose());
}

async function openS3DSide(info: S3DTextSide, options: OpenTextSideOptions): Promise<TextSide> {
  const words = existing(options.words ?? info.words, "words");
  const path = options.path ?? info.path;
  const { threads, signal } = options;
  const opening = { vocabulary: words, device: "cpu", threads, signal } as const;
  const weights = path === undefined ? undefined : existing(path, "model");
  const encoder =
    weights === undefined
      ? S3DTextEncoder.random(info.randomWeights!, opening)
      : await S3DTextEncoder.load(weights, opening);
  try {
    checkWeights(weights ?? "random weights", info.weights, encoder.weightsHash);
  } catch (error) {
    encoder.dispose();
    throw error;
  }
  const { randomWeights } = weights === undefined ? info : {};
  const kept = { kind: "s3dg", path: weights, randomWeights, words, weights: encoder.weightsHash };
  const encode: TextRows["encode"] = (texts, encoding) => encoder.encode(texts, encoding);
  return textSide(kept, encoder.dim, encode, () => encoder.dispose());
}

function existing(path: string, argument: string): string {
  if (existsSync(path)) return resolve(path);
  throw new InvalidArgumentError(`${argument}: ${path} is not there: say where it is with --${argument}`, {
    argument,
    received: path,
  });
}

function checkWeights(file: string, expected: string | undefined, received: string): void {
  if (expected === undefined || expected === received) return;
  throw new IndexError(
    file,
    `these are not the weights that the rows belong to: expected ${expected}, received ${received}`,
    {
      expected,
      received,
    },
  );
}
