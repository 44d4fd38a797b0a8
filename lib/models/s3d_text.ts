import { createDevice, type DeviceOptions } from "../device.js";
import { WeightsError } from "../errors.js";
import { optimize } from "../graph/passes/index.js";
import { compile } from "../graph/program.js";
import { ProgramCache } from "../graph/program_cache.js";
import { input, trace } from "../graph/trace.js";
import { loadS3DWords, S3D_TEXT_WORDS, s3dWords } from "../text/s3d_words.js";
import { loadParameters, parametersOf } from "./parameters.js";
import { S3DG_VOCABULARY, s3dgText } from "./s3d.js";
import type { TextEncoder } from "./text_encoder.js";

export interface S3DTextEncoderOptions {
  /** Path of the S3D-G checkpoint (`s3d_howto100m.pth`). */
  weights?: string;
  /** Use generated weights instead of a file (for trying things out). */
  randomWeights?: number;
  /** Path of the word list that belongs to it (`s3d_dict.npy`), or the words in order. */
  vocabulary: string | readonly string[];
  /** Words of a sentence that count. Default 16, as the checkpoint was trained. */
  words?: number;
  device?: DeviceOptions["device"];
  threads?: number;
}

/** Sentences per program: a row of the last batch that holds no sentence is dropped. */
const ROWS = 32;
/** Keys of the published file that belong to the video tower. */
const VIDEO_TOWER = /^(?!text_module\.)/;

function forward(words: number) {
  return trace(() => ({ y: s3dgText(input("ids", [ROWS, words], "i32")) }));
}

/**
 * Loads the text tower of S3D-G (Miech et al., CVPR 2020). Scores of a text and a video are dot products of its rows with
 * the rows of the video encoder's `video_embedding`; neither is normalised.
 * @throws WeightsError when the checkpoint or the vocabulary does not fit; InvalidArgumentError; DeviceError
 */
export async function loadS3DTextEncoder(options: S3DTextEncoderOptions): Promise<TextEncoder> {
  const { vocabulary, words = S3D_TEXT_WORDS } = options;
  const tokens = typeof vocabulary === "string" ? loadS3DWords(vocabulary) : s3dWords(vocabulary);
  if (tokens.size >= S3DG_VOCABULARY) {
    throw new WeightsError(
      `vocabulary: expected fewer than ${S3DG_VOCABULARY} words, as the embedding has rows for, received ${tokens.size}`,
      { expected: S3DG_VOCABULARY, received: tokens.size },
    );
  }
  tokens.encode([], words); // refuses a wrong number of words before anything is loaded
  const device = createDevice(options);
  let hash: string;
  try {
    const source = { ...options, model: "s3dg", ignored: VIDEO_TOWER };
    ({ hash } = await loadParameters(device.parameters, parametersOf(forward(words)), source));
  } catch (error) {
    device.dispose();
    throw error;
  }
  const programs = new ProgramCache();
  const dim = 512;
  return {
    model: "s3dg",
    dim,
    weightsHash: hash,
    async encode(texts, { signal } = {}) {
      const program = programs.get("text", () => compile(optimize(forward(words)), device));
      const rows = new Float32Array(texts.length * dim);
      for (let first = 0; first < texts.length; first += ROWS) {
        const batch = texts.slice(first, first + ROWS);
        const ids = new Int32Array(ROWS * words);
        ids.set(tokens.encode(batch, words));
        const { y } = await program.run({ ids }, { signal });
        rows.set(y.subarray(0, batch.length * dim), first * dim);
      }
      return rows;
    },
    dispose() {
      programs.clear();
      device.dispose();
    },
  };
}
