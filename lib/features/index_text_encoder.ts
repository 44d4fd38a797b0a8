/// <reference lib="esnext.disposable" preserve="true" />
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { InvalidArgumentError } from "../base/errors.js";
import { S3DTextEncoder } from "../models/text/s3d_text.js";
import { VideoClip } from "../models/videoclip/videoclip.js";
import type { NDArray } from "../base/nd_array.js";
import { WordPieceTokenizer } from "../text/wordpiece.js";
import type { UnknownOfText } from "../text/unknown_words.js";
import { type ModelSearch, modelSearch } from "./fit/model_search.js";
import { IndexError, type TextEncoderInfo } from "./index_format.js";

/** Encodes texts: an `IndexTextEncoder`, a `TextModel`, an `S3DTextEncoder`, or `{ encode: (texts) => model.encodeText(texts) }`. */
export interface TextRows {
  /** @returns f32 `[texts.length, dim]`, and optionally the words that the vocabulary does not have */
  encode(
    texts: readonly string[],
    options?: { signal?: AbortSignal | undefined },
  ): Promise<NDArray & { unknown?: readonly UnknownOfText[] | undefined }>;
  /** Words that the model knows, from which unrelated sentences are made. Default: common English words. */
  vocabulary?(): readonly string[];
}

/** @deprecated Give `encode`. */
export interface EmbeddedTexts {
  embed(texts: readonly string[], options?: { signal?: AbortSignal | undefined }): Promise<Float32Array>;
}

/** Encodes texts: rows f32 `[texts.length, dim]`, and the words that the vocabulary does not have. @internal */
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
export interface IndexTextEncoder extends TextRows {
  readonly dim: number;
  /** The record from which an index opens the encoder again. */
  readonly info: TextEncoderInfo;
  /** How the model is searched best, if its folder says so. */
  readonly search?: ModelSearch | undefined;
  /** The VideoCLIP model, if it is one. @internal */
  readonly model?: VideoClip | undefined;
  /** @deprecated Use `encode`. @returns f32 `[texts.length, dim]` */
  embed(texts: readonly string[], options?: { signal?: AbortSignal | undefined }): Promise<Float32Array>;
  dispose(): void;
  [Symbol.dispose](): void;
}

/** Makes a text encoder of the function that encodes and the one that frees the model. */
function textEncoder(
  info: TextEncoderInfo,
  dim: number,
  encode: TextRows["encode"],
  dispose: () => void,
  more: Pick<IndexTextEncoder, "vocabulary" | "search" | "model"> = {},
): IndexTextEncoder {
  return {
    ...more,
    dim,
    info,
    encode,
    embed: async (texts, options) => (await encode(texts, options)).data,
    dispose,
    [Symbol.dispose]: dispose,
  };
}

/** A VideoCLIP model: a folder that `VideoClip.save` wrote, or a checkpoint file. */
export interface VideoClipTextInfo {
  kind: "videoclip";
  path: string;
  /** Tokenizer, if the model's folder has none: a tokenizer.json, a vocab.txt or a folder with one. */
  tokenizer?: string | undefined;
  /** First 16 hex digits of the SHA-256 of the weight file. */
  weights?: string | undefined;
}

/** The text tower of S3D-G. Its rows and the video encoder's `video_embedding` are in one space. */
export interface S3DTextInfo {
  kind: "s3dg";
  /** The checkpoint; absent for random weights. */
  path?: string | undefined;
  randomWeights?: number | undefined;
  /** `s3d_dict.npy`. */
  words: string;
  weights?: string | undefined;
}

export interface OpenTextEncoderOptions {
  threads?: number | undefined;
  /** Current paths of the model, its tokenizer and its word list, if they have moved. */
  path?: string | undefined;
  tokenizer?: string | undefined;
  words?: string | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Opens the text encoder that an index records, or one for a new index.
 * @throws IndexError when the index was made with other weights; InvalidArgumentError when the model was moved; WeightsError
 */
export async function openTextEncoder(
  info: TextEncoderInfo,
  options: OpenTextEncoderOptions = {},
): Promise<IndexTextEncoder> {
  if (info.kind === "videoclip") return openVideoClipTextEncoder(info as unknown as VideoClipTextInfo, options);
  if (info.kind === "s3dg") return openS3DTextEncoder(info as unknown as S3DTextInfo, options);
  throw new InvalidArgumentError(`text: a model of kind ${info.kind} is not known`, { argument: "text" });
}

/** The text encoder of an open VideoCLIP model; disposing it leaves the model open. */
export function videoClipTextEncoder(model: VideoClip, path: string, tokenizer?: string): IndexTextEncoder {
  return ofVideoClip(model, path, tokenizer, () => {});
}

function ofVideoClip(
  model: VideoClip,
  path: string,
  tokenizer: string | undefined,
  dispose: () => void,
): IndexTextEncoder {
  const info = { kind: "videoclip", path: resolve(path), tokenizer: tokenizer && resolve(tokenizer) };
  const encode: TextRows["encode"] = (texts, { signal } = {}) => model.encodeText(texts, { signal });
  return textEncoder({ ...info, weights: model.weightsHash }, model.config.hiddenSize, encode, dispose, {
    vocabulary: () => (model.tokenizer instanceof WordPieceTokenizer ? model.tokenizer.words() : []),
    search: modelSearch(path, model.weightsHash),
    model,
  });
}

async function openVideoClipTextEncoder(
  info: VideoClipTextInfo,
  options: OpenTextEncoderOptions,
): Promise<IndexTextEncoder> {
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

async function openS3DTextEncoder(info: S3DTextInfo, options: OpenTextEncoderOptions): Promise<IndexTextEncoder> {
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
  const vocabulary = () => encoder.vocabulary;
  return textEncoder(kept, encoder.dim, encode, () => encoder.dispose(), { vocabulary });
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

/** @deprecated Use `IndexTextEncoder`. */
export type TextSide = IndexTextEncoder;
/** @deprecated Use `TextEncoderInfo`. */
export type TextSideInfo = TextEncoderInfo;
/** @deprecated Use `OpenTextEncoderOptions`. */
export type OpenTextSideOptions = OpenTextEncoderOptions;
/** @alias @deprecated Use `openTextEncoder`. */
export const openTextSide = openTextEncoder;
/** @alias @deprecated Use `videoClipTextEncoder`. */
export const videoClipTextSide = videoClipTextEncoder;
