import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { InvalidArgumentError } from "../errors.js";
import { loadS3DTextEncoder } from "../models/s3d_text.js";
import { VideoClip } from "../models/videoclip.js";
import { IndexError, type TextSideInfo } from "./index_format.js";

/** A model that embeds texts into the space of an index. */
export interface TextSide {
  readonly dim: number;
  /** What an index records to open it again. */
  readonly info: TextSideInfo;
  /** @returns f32 `[texts.length, dim]` */
  embed(texts: readonly string[], options?: { signal?: AbortSignal }): Promise<Float32Array>;
  dispose(): void;
}

/** A VideoCLIP model: a folder that `VideoClip.save` wrote, or a checkpoint file. */
export interface VideoClipTextSide {
  kind: "videoclip";
  path: string;
  /** What splits its texts, where the model's folder has nothing: a tokenizer.json, a vocab.txt or a folder with one. */
  tokenizer?: string;
  /** First 16 hex digits of the SHA-256 of the weight file. */
  weights?: string;
}

/** The text tower of S3D-G, whose rows lie in one space with the video encoder's `video_embedding`. */
export interface S3DTextSide {
  kind: "s3dg";
  /** The checkpoint; absent for generated weights. */
  path?: string;
  randomWeights?: number;
  /** `s3d_dict.npy`. */
  words: string;
  weights?: string;
}

export interface OpenTextSideOptions {
  threads?: number;
  /** Where the model is now, if it is not where it was. */
  path?: string;
  tokenizer?: string;
  words?: string;
  signal?: AbortSignal;
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
  const info = { kind: "videoclip", path: resolve(path), tokenizer: tokenizer && resolve(tokenizer) };
  return {
    dim: model.config.hiddenSize,
    info: { ...info, weights: model.weightsHash },
    embed: async (texts, { signal } = {}) => (await model.embedText(texts, { signal })).rows,
    dispose() {},
  };
}

async function openVideoClipSide(info: VideoClipTextSide, options: OpenTextSideOptions): Promise<TextSide> {
  const path = existing(options.path ?? info.path, "model");
  const tokenizer = options.tokenizer ?? info.tokenizer;
  const { threads, signal } = options;
  const model = await VideoClip.load(path, { device: "cpu", threads, signal, ...(tokenizer ? { tokenizer } : {}) });
  try {
    checkWeights(path, info.weights, model.weightsHash);
  } catch (error) {
    model.dispose();
    throw error;
  }
  return { ...videoClipTextSide(model, path, tokenizer), dispose: () => model.dispose() };
}

async function openS3DSide(info: S3DTextSide, options: OpenTextSideOptions): Promise<TextSide> {
  const words = existing(options.words ?? info.words, "words");
  const path = options.path ?? info.path;
  const randomWeights = path === undefined ? info.randomWeights : undefined;
  const weights = path === undefined ? undefined : existing(path, "model");
  const { threads } = options;
  const encoder = await loadS3DTextEncoder({ weights, randomWeights, vocabulary: words, device: "cpu", threads });
  try {
    checkWeights(path ?? "random weights", info.weights, encoder.weightsHash);
  } catch (error) {
    encoder.dispose();
    throw error;
  }
  return {
    dim: encoder.dim,
    info: { kind: "s3dg", path: weights, randomWeights, words, weights: encoder.weightsHash },
    embed: (texts, embedding) => encoder.encode(texts, embedding),
    dispose: () => encoder.dispose(),
  };
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
