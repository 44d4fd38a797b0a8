import { InvalidArgumentError } from "../../base/errors.js";
import type { TextConfig } from "../../models/text/text_config.js";
import type { Encoding } from "../../text/wordpiece.js";
import { maskOf, padded } from "../batches.js";
import type { Batch, BatchArray } from "../task.js";
import { IGNORE } from "./masked_language.js";

/** A text or pair as returned by `WordPieceTokenizer.encode`, not longer than the batch. */
export type EncodedText = Pick<Encoding, "ids" | "types" | "offsets" | "texts">;

export interface TextBatchOptions {
  padId: number;
  /** Tokens of a row. Default: the longest text, rounded up to a multiple of 16. */
  length?: number | undefined;
}

/** Characters `start .. end` of a text, in UTF-16 code units. */
export interface TextRange {
  start: number;
  end: number;
}

/**
 * A range of a text with a class, such as a name; `inside` is the class of its tokens after the first, if it differs.
 */
export interface LabelledRange extends TextRange {
  label: number;
  inside?: number | undefined;
}

/** Inputs of a text encoder: `ids`, `types` i32 and `mask` u8 `[N, S]`, and `present` if MobileBERT needs it. */
function encoderInputs(
  rows: readonly { text: EncodedText }[],
  config: Pick<TextConfig, "trigram">,
  options: TextBatchOptions,
) {
  const texts = rows.map(({ text }) => text);
  const longest = Math.max(...texts.map(({ ids }) => ids.length));
  const { padId, length = Math.ceil(longest / 16) * 16 } = options;
  if (!(longest <= length)) {
    throw new InvalidArgumentError(
      `length: expected at least ${longest}, the tokens of the longest text, received ${length}: encode with maxLength`,
      { argument: "length", expected: longest, received: length },
    );
  }
  const N = texts.length;
  const column = (rows: number[][], fill: number) => ({ data: padded(rows, length, fill), shape: [N, length] });
  const mask = maskOf(
    texts.map(({ ids }) => ids.length),
    length,
  );
  const inputs: Record<string, BatchArray> = {
    ids: column(
      texts.map(({ ids }) => ids),
      padId,
    ),
    types: column(
      texts.map(({ types }) => types),
      0,
    ),
    mask: { data: mask, shape: [N, length] },
  };
  if (config.trigram) inputs.present = { data: Float32Array.from(mask), shape: [N, length, 1] };
  return { inputs, column, examples: N };
}

/** Texts or pairs with a class each, for `sequenceClassification`. */
export function sequenceBatch(
  rows: readonly { text: EncodedText; label: number }[],
  config: Pick<TextConfig, "trigram">,
  options: TextBatchOptions,
): Batch {
  const { inputs, examples } = encoderInputs(rows, config, options);
  inputs.labels = { data: Int32Array.from(rows, ({ label }) => label), shape: [examples] };
  return { inputs, examples };
}

/**
 * Texts with classified ranges, for `tokenClassification`. A token that begins within a range has its class, any other
 * token of the first text has the class `outside`; [CLS], [SEP], padding and a second text are ignored.
 */
export function tokenBatch(
  rows: readonly { text: EncodedText; ranges: readonly LabelledRange[] }[],
  config: Pick<TextConfig, "trigram">,
  options: TextBatchOptions & { outside?: number | undefined },
): Batch {
  const { outside = 0 } = options;
  const { inputs, column, examples } = encoderInputs(rows, config, options);
  const labels = rows.map(({ text, ranges }) => {
    let before: LabelledRange | undefined;
    return text.offsets.map(([start], i) => {
      if (text.texts[i] !== 0) return IGNORE;
      const range = ranges.find((r) => start >= r.start && start < r.end);
      const label = range && range === before ? (range.inside ?? range.label) : range?.label;
      before = range;
      return label ?? outside;
    });
  });
  inputs.labels = column(labels, IGNORE);
  return { inputs, examples };
}

/**
 * Questions with contexts as pairs `[CLS] question [SEP] context [SEP]`, for `spanSelection`. `answer` is its range in
 * the context. null, or an answer that is not entirely in the row, is [CLS], BERT's sign for no answer (Devlin et al.
 * 2019, section 4.3).
 */
export function spanBatch(
  rows: readonly { text: EncodedText; answer: TextRange | null }[],
  config: Pick<TextConfig, "trigram">,
  options: TextBatchOptions,
): Batch {
  const { inputs, examples } = encoderInputs(rows, config, options);
  const places = rows.map(({ text, answer }) => (answer && tokensOf(text, answer)) ?? [0, 0]);
  inputs.starts = { data: Int32Array.from(places, ([first]) => first), shape: [examples] };
  inputs.ends = { data: Int32Array.from(places, ([, last]) => last), shape: [examples] };
  return { inputs, examples };
}

/** The first and the last token of the second text that overlap a range, if they cover all of it. */
function tokensOf({ offsets, texts }: EncodedText, { start, end }: TextRange): [number, number] | null {
  const inside = offsets.flatMap(([from, to], i) => (texts[i] === 1 && from < end && to > start ? [i] : []));
  const [first, last] = [inside[0], inside[inside.length - 1]];
  if (first === undefined || offsets[first][0] > start || offsets[last][1] < end) return null;
  return [first, last];
}
