import { InvalidArgumentError, WeightsError } from "../base/errors.js";
import { readNpy } from "../weights/read_npy.js";
import { ByteFile } from "../weights/byte_file.js";

/** Converts sentences to the word ids of S3D-G's text tower. */
export interface S3DWords {
  /** Number of words in the vocabulary; ids start at 1, 0 is padding. */
  readonly size: number;
  /** The words by their ids. */
  readonly words: readonly string[];
  /** Ids i32 `[texts.length, words]`: the first `words` known words of each text, zero-padded. Unknown words are dropped. */
  encode(texts: readonly string[], words?: number): Int32Array;
  /** The words of a text that are not in the vocabulary, in their original spelling. */
  unknown(text: string): string[];
}

/** Letters, numbers, underscore and apostrophe in any script: Python's `[\w']+` on text. */
const WORD = /[\p{L}\p{N}_']+/gu;

/** Words per text of the published text tower (Miech et al., CVPR 2020; antoine77340/S3D_HowTo100M). */
export const S3D_TEXT_WORDS = 16;

/** A vocabulary from its words in order: the id of a word is its position + 1. */
export function s3dWords(vocabulary: readonly string[]): S3DWords {
  const ids = new Map(vocabulary.map((word, i) => [word, i + 1]));
  return {
    size: vocabulary.length,
    words: vocabulary,
    encode(texts, words = S3D_TEXT_WORDS) {
      if (!Number.isInteger(words) || words < 1) {
        throw new InvalidArgumentError(`words: expected a positive integer, received ${words}`, { argument: "words" });
      }
      const out = new Int32Array(texts.length * words);
      texts.forEach((text, row) => {
        const known = (text.toLowerCase().match(WORD) ?? []).flatMap((word) => ids.get(word) ?? []);
        out.set(known.slice(0, words), row * words);
      });
      return out;
    },
    unknown: (text) => (text.match(WORD) ?? []).filter((word) => !ids.has(word.toLowerCase())),
  };
}

/**
 * Reads the published word list, `s3d_dict.npy`: a one-dimensional array of fixed-width strings.
 * @throws WeightsError for any other content
 */
export function loadS3DWords(path: string): S3DWords {
  const file = new ByteFile(path);
  try {
    const { shape, data } = readNpy(file);
    if (shape.length !== 1 || typeof data[0] !== "string") {
      throw new WeightsError(`${path}: expected a list of words, received an array [${shape.join(", ")}] of numbers`, {
        file: path,
      });
    }
    return s3dWords(data as string[]);
  } finally {
    file.close();
  }
}
