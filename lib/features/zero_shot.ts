import { InvalidArgumentError } from "../base/errors.js";
import type { NDArray } from "../base/nd_array.js";
import { type EmbeddedTexts, type TextRows, textRows } from "./index_text_encoder.js";

export interface ZeroShotOptions {
  /** Encodes texts into the space of the videos: `openTextEncoder`, or `{ encode: (texts) => model.encodeText(texts) }`. */
  text: TextRows | EmbeddedTexts;
  /** Sentences with `{}` for the label. Default `["{}"]`: the label alone. */
  templates?: readonly string[] | undefined;
  /**
   * Scale embeddings of texts (each, and a label's mean) and videos to unit length: scores are cosines. Default false:
   * the raw dot product, as in the training of VideoCLIP and S3D-G, with the plain mean of a label's sentences.
   */
  normalize?: boolean | undefined;
  /** Called with the words of the sentences that the model does not know, if any. */
  onUnknown?: ((words: string[]) => void) | undefined;
  signal?: AbortSignal | undefined;
}

export interface ZeroShotScore {
  label: string;
  score: number;
}

/**
 * Scores labels for videos without training, by the similarity of each video with the mean embedding of each label's sentences
 * (Radford et al. 2021, arXiv 2103.00020, section 3.1.4).
 * @param videos f32 `[videos, dim]` @returns for each video all labels, best first; equal scores in the given order
 * @throws InvalidArgumentError
 */
export async function zeroShotClassify(
  videos: NDArray,
  labels: readonly string[],
  { text, templates = ["{}"], normalize = false, onUnknown, signal }: ZeroShotOptions,
): Promise<ZeroShotScore[][]> {
  const [count, dim = 0] = videos.shape;
  const fail = (argument: string, expected: string, received: unknown) =>
    new InvalidArgumentError(`${argument}: expected ${expected}, received ${String(received)}`, { argument });
  if (labels.length === 0) throw fail("labels", "at least one", "none");
  if (new Set(labels).size < labels.length) throw fail("labels", "each once", labels.join(", "));
  const bad = templates.find((template) => !template.includes("{}"));
  if (templates.length === 0 || bad !== undefined) throw fail("templates", "sentences with {}", bad ?? "none");
  if (videos.shape.length !== 2 || videos.data.length !== count * dim)
    throw fail("videos", "rows [videos, dim]", `[${videos.shape.join(", ")}] with ${videos.data.length} values`);

  const sentences = labels.flatMap((label) => templates.map((template) => template.replaceAll("{}", () => label)));
  const { rows: embedded, unknown } = await textRows(text, sentences, signal);
  if (unknown.length > 0) onUnknown?.(unknown);
  if (embedded.length !== sentences.length * dim) {
    throw fail("text", `rows of ${dim} values, as the videos have`, `rows of ${embedded.length / sentences.length}`);
  }
  const row = (rows: Float32Array, i: number) => {
    const values = Float64Array.from(rows.subarray(i * dim, (i + 1) * dim));
    return normalize ? unit(values) : values;
  };
  const centres = labels.map((_, l) => {
    const mean = new Float64Array(dim);
    templates.forEach((_, t) =>
      row(embedded, l * templates.length + t).forEach((v, d) => (mean[d] += v / templates.length)),
    );
    return normalize ? unit(mean) : mean;
  });
  return Array.from({ length: count }, (_, i) => {
    const video = row(videos.data, i);
    const scores = labels.map((label, l) => ({
      label,
      score: video.reduce((sum, v, d) => sum + v * centres[l][d], 0),
    }));
    return scores.sort((a, b) => b.score - a.score);
  });
}

function unit(values: Float64Array): Float64Array {
  const length = Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));
  return length > 0 ? values.map((v) => v / length) : values;
}
