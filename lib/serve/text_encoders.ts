import type { FeatureIndex } from "../features/feature_index.js";
import type { IndexFit } from "../features/fit/fit.js";
import { fitOf } from "../features/fit/index_fit.js";
import { type IndexTextEncoder, openTextEncoder, type OpenTextEncoderOptions } from "../features/index_text_encoder.js";
import { SharedRuns } from "./shared_runs.js";

/** Sentences whose rows are kept: paging, time lines and shared addresses ask for the same ones again. */
const KEPT = 512;

/** A sentence in the space of an index. */
export interface EncodedText {
  /** f32 `[dim]`. */
  row: Float32Array;
  /** Words that the model does not know. */
  unknown: readonly string[];
}

/** What two indexes must share so that a sentence has one row in both, and their scores can be compared. */
export const spaceOf = ({ manifest: { text, id } }: FeatureIndex): string =>
  text
    ? JSON.stringify([text.kind, text.weights ?? [text.path, text.randomWeights], text.words ?? null])
    : `features ${id}`;

/** An open text encoder, with the rows of recent sentences. */
interface OpenEncoder {
  encoder: IndexTextEncoder;
  rows: Map<string, EncodedText>;
  /** Sentences that wait are encoded together: this takes a fraction of the time, and changes no bit of a row. */
  runs: SharedRuns<string, EncodedText>;
}

/** The open text encoders, one for each model. */
export class TextEncoders {
  #open = new Map<string, OpenEncoder>();

  #fits = new WeakMap<FeatureIndex, IndexFit | undefined>();

  constructor(private readonly options: OpenTextEncoderOptions) {}

  /**
   * Opens the encoder of an index unless it is open, and begins to measure what fits.
   * @returns the end of the measurement, which answers do without until then
   * @throws IndexError, InvalidArgumentError, WeightsError
   */
  async open(index: FeatureIndex): Promise<{ measured: Promise<void> }> {
    const { text } = index;
    const space = spaceOf(index);
    if (!text) return { measured: Promise.resolve() };
    let opened = this.#open.get(space);
    if (!opened) {
      const encoder = await openTextEncoder(text, this.options);
      opened = this.#open.get(space);
      if (opened) encoder.dispose();
      else {
        const runs = new SharedRuns((sentences: readonly string[]) => encodeAll(encoder, sentences));
        this.#open.set(space, (opened = { encoder, rows: new Map(), runs }));
      }
    }
    const measured = fitOf(index, opened.encoder).then((fit) => void this.#fits.set(index, fit));
    return { measured };
  }

  /** What unrelated sentences score with an index; undefined also until it is measured. */
  fit(index: FeatureIndex): IndexFit | undefined {
    return this.#fits.get(index);
  }

  /** The open encoder of a space, if it has one. */
  encoder(space: string): IndexTextEncoder | undefined {
    return this.#open.get(space)?.encoder;
  }

  /** The row of a sentence. @param space of the index, by {@link spaceOf}; its encoder is open */
  async encode(space: string, sentence: string, signal: AbortSignal): Promise<EncodedText> {
    const { rows, runs } = this.#open.get(space)!;
    const known = rows.get(sentence);
    if (known) {
      // the last one that was used is the last one to go
      rows.delete(sentence);
      rows.set(sentence, known);
      return known;
    }
    const encoded = await runs.run(sentence, signal);
    rows.set(sentence, encoded);
    if (rows.size > KEPT) rows.delete(rows.keys().next().value!);
    return encoded;
  }

  dispose(): void {
    for (const { encoder } of this.#open.values()) encoder.dispose();
    this.#open.clear();
  }
}

async function encodeAll(encoder: IndexTextEncoder, sentences: readonly string[]): Promise<EncodedText[]> {
  const { data, unknown = [] } = await encoder.encode(sentences);
  const { dim } = encoder;
  return sentences.map((_, i) => ({
    row: data.slice(i * dim, (i + 1) * dim),
    unknown: unknown.find(({ text }) => text === i)?.words ?? [],
  }));
}
