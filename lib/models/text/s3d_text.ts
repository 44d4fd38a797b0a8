/// <reference lib="esnext.disposable" preserve="true" />
import { createDevice, type Device, type DeviceOptions } from "../../runtime/device.js";
import { WeightsError } from "../../base/errors.js";
import { optimize } from "../../compile/passes/index.js";
import { compile } from "../../runtime/compile.js";
import { ProgramCache } from "../../runtime/program_cache.js";
import { type Graph, input, trace } from "../../graph/trace.js";
import { loadS3DWords, S3D_TEXT_WORDS, type S3DWords, s3dWords } from "../../text/s3d_words.js";
import type { UnknownOfText } from "../../text/unknown_words.js";
import type { KeyMap } from "../../weights/rename.js";
import type { Rows } from "../encode_clips.js";
import { loadParameters, parametersOf, setRandomParameters } from "../parameters.js";
import { S3DG_VOCABULARY, s3dgText } from "../video/s3d.js";
import type { TextEncoder } from "./text_encoder.js";

export interface S3DTextOptions extends DeviceOptions {
  /** Path of the word list of the checkpoint (`s3d_dict.npy`), or the words in order. */
  vocabulary: string | readonly string[];
  /** Number of words of a sentence that are used. Default 16, as in the checkpoint's training. */
  words?: number | undefined;
}

export interface LoadS3DTextOptions extends S3DTextOptions {
  /** Maps the keys of the file to those of the model. Default: S3D-G's published keys. */
  rename?: KeyMap | undefined;
  signal?: AbortSignal | undefined;
}

/** Sentences per program; the last batch is padded. */
const ROWS = 32;
/** Keys of the published file that belong to the video tower. */
const VIDEO_TOWER = /^(?!text_module\.)/;

function forward(words: number): Graph {
  return trace(() => ({ y: s3dgText(input("ids", [ROWS, words], "i32")) }));
}

/** Width of a row. */
const DIM = 512;

/**
 * The text tower of S3D-G (Miech et al., CVPR 2020). Scores of a text and a video are dot products of its rows with the rows of
 * the video encoder's `video_embedding`; neither is normalised.
 */
export class S3DTextEncoder implements TextEncoder {
  readonly model = "s3dg";
  readonly dim = DIM;
  /** First 16 hex digits of the SHA-256 of the weight file, or `random:SEED`. */
  readonly weightsHash: string;
  readonly device: Device;
  readonly #tokens: S3DWords;
  /** Number of words of a sentence. */
  readonly #words: number;
  readonly #programs = new ProgramCache();

  private constructor(device: Device, weightsHash: string, { tokens, words }: Words) {
    this.device = device;
    this.weightsHash = weightsHash;
    this.#tokens = tokens;
    this.#words = words;
  }

  /**
   * @param path the S3D-G checkpoint (`s3d_howto100m.pth`)
   * @throws WeightsError when the checkpoint or the vocabulary does not fit; InvalidArgumentError; DeviceError
   */
  static async load(path: string, options: LoadS3DTextOptions): Promise<S3DTextEncoder> {
    const { rename, signal } = options;
    const words = openWords(options);
    const device = createDevice(options);
    try {
      const source = { model: "s3dg", weights: path, rename, ignored: VIDEO_TOWER, signal };
      const { hash } = await loadParameters(device.parameters, parametersOf(forward(words.words)), source);
      return new S3DTextEncoder(device, hash, words);
    } catch (error) {
      device.dispose();
      throw error;
    }
  }

  /** An encoder with random weights, for trials and tests. */
  static random(seed: number, options: S3DTextOptions): S3DTextEncoder {
    const words = openWords(options);
    const device = createDevice(options);
    try {
      const hash = setRandomParameters(device.parameters, parametersOf(forward(words.words)), seed);
      return new S3DTextEncoder(device, hash, words);
    } catch (error) {
      device.dispose();
      throw error;
    }
  }

  /** The words that it knows. */
  get vocabulary(): readonly string[] {
    return this.#tokens.words;
  }

  /**
   * One row per text: f32 `[texts.length, 512]`. Words that are not in the vocabulary are ignored and listed in the
   * result.
   * @throws DisposedError; the signal's reason
   */
  async encode(
    texts: readonly string[],
    { signal }: { signal?: AbortSignal | undefined } = {},
  ): Promise<Rows & { unknown: UnknownOfText[] }> {
    const words = this.#words;
    const program = this.#programs.get("text", () => compile(optimize(forward(words)), this.device));
    const data = new Float32Array(texts.length * DIM);
    for (let first = 0; first < texts.length; first += ROWS) {
      const batch = texts.slice(first, first + ROWS);
      const ids = new Int32Array(ROWS * words);
      ids.set(this.#tokens.encode(batch, words));
      const { y } = await program.run({ ids }, { signal });
      data.set(y.subarray(0, batch.length * DIM), first * DIM);
    }
    const unknown = texts.flatMap((each, text): UnknownOfText[] => {
      const missing = this.#tokens.unknown(each);
      return missing.length > 0 ? [{ text, words: missing }] : [];
    });
    return { data, shape: [texts.length, DIM], unknown };
  }

  /** Frees the programs and the weights, and the device unless it is shared. A second call does nothing. */
  dispose(): void {
    this.#programs.clear();
    this.device.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

interface Words {
  tokens: S3DWords;
  words: number;
}

/** @throws WeightsError for more words than the embedding has rows; InvalidArgumentError */
function openWords({ vocabulary, words = S3D_TEXT_WORDS }: S3DTextOptions): Words {
  const tokens = typeof vocabulary === "string" ? loadS3DWords(vocabulary) : s3dWords(vocabulary);
  if (tokens.size >= S3DG_VOCABULARY) {
    throw new WeightsError(
      `vocabulary: expected fewer than ${S3DG_VOCABULARY} words, as the embedding has rows for, received ${tokens.size}`,
      { expected: S3DG_VOCABULARY, received: tokens.size },
    );
  }
  tokens.encode([], words); // throws for a wrong number of words before anything is loaded
  return { tokens, words };
}

export interface S3DTextEncoderOptions extends LoadS3DTextOptions {
  /** Path of the S3D-G checkpoint (`s3d_howto100m.pth`). */
  weights?: string | undefined;
  /** Use random weights instead of a file (for trials). */
  randomWeights?: number | undefined;
}

/** @deprecated Use `S3DTextEncoder.load` or `.random`. */
export async function loadS3DTextEncoder(options: S3DTextEncoderOptions): Promise<S3DTextEncoder> {
  const { weights, randomWeights } = options;
  if (randomWeights !== undefined) return S3DTextEncoder.random(randomWeights, options);
  return S3DTextEncoder.load(weights ?? "", options);
}
