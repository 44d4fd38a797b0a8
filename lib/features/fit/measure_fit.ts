import type { FeatureIndex } from "../feature_index.js";
import type { TextRows } from "../index_text_encoder.js";
import type { IndexFit } from "./fit.js";
import { unrelatedSentences } from "./unrelated_sentences.js";

/** Rows of the index whose scores with all sentences are looked at; they are evenly spaced. */
const SAMPLED_ROWS = 1024;
/** Sentences that are encoded and searched together. */
const TOGETHER = 64;

/**
 * Measures what unrelated sentences score with the rows of an index. Deterministic: the sentences depend on the
 * vocabulary alone.
 * @param level that the model's authors measured; default: what half of these sentences reach with their best row
 * @returns undefined for an index without rows, and where scores do not differ or are not finite
 */
export async function measureFit(
  index: FeatureIndex,
  text: TextRows,
  { level, signal }: { level?: number | undefined; signal?: AbortSignal | undefined } = {},
): Promise<IndexFit | undefined> {
  if (index.size === 0) return undefined;
  const { dim } = index;
  const vectors = await unrelatedRows(text, signal);
  if (vectors.length % dim !== 0 || !vectors.every(Number.isFinite)) return undefined;
  const rows = await index.sampleRows(SAMPLED_ROWS);
  const moments = { count: 0, sum: 0, squares: 0 };
  const best: number[] = [];
  for (let first = 0; first < vectors.length; first += TOGETHER * dim) {
    signal?.throwIfAborted();
    const part = vectors.slice(first, first + TOGETHER * dim);
    addScores(moments, part, rows, dim);
    if (level !== undefined) continue;
    const found = await index.search({ vectors: part, top: 1, signal });
    best.push(...found.flatMap(([hit]) => (hit ? [hit.score] : [])));
  }
  const mean = moments.sum / moments.count;
  const sd = Math.sqrt(Math.max(0, moments.squares / moments.count - mean * mean));
  if (!(Number.isFinite(sd) && sd > Number.EPSILON * Math.max(1, Math.abs(mean)))) return undefined;
  return { mean, sd, level: level ?? (median(best) - mean) / sd };
}

/** Rows of the unrelated sentences, by the encoder that made them: an index that grows is measured again. */
const encoded = new WeakMap<TextRows, Float32Array>();

async function unrelatedRows(text: TextRows, signal: AbortSignal | undefined): Promise<Float32Array> {
  const known = encoded.get(text);
  if (known) return known;
  const sentences = unrelatedSentences(text.vocabulary?.());
  const parts: number[][] = [];
  for (let first = 0; first < sentences.length; first += TOGETHER) {
    const { data } = await text.encode(sentences.slice(first, first + TOGETHER), { signal });
    parts.push(Array.from(data));
  }
  const rows = Float32Array.from(parts.flat());
  encoded.set(text, rows);
  return rows;
}

/** Adds the scores of all sentences `[N, dim]` with all rows `[M, dim]`. */
function addScores(
  moments: { count: number; sum: number; squares: number },
  vectors: Float32Array,
  rows: Float32Array,
  dim: number,
): void {
  for (let v = 0; v < vectors.length; v += dim) {
    for (let r = 0; r < rows.length; r += dim) {
      let score = 0;
      for (let d = 0; d < dim; d++) score += vectors[v + d] * rows[r + d];
      moments.count++;
      moments.sum += score;
      moments.squares += score * score;
    }
  }
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
