import { InvalidArgumentError } from "../base/errors.js";
import { Random } from "../base/random.js";
import { mean } from "./percent.js";

/**
 * Treatment of equal scores. `expected`: the mean over all orders of the equal ones, so a constant model gets the
 * chance level. `optimistic`: the relevant one is first among them. `mmpt`: as in fairseq's MMPT, which counts a query
 * once for every position with its score (Xu et al. 2021; duplicates get more weight).
 */
export type Ties = "expected" | "optimistic" | "mmpt";

export interface RetrievalOptions {
  /** Relevant columns of each row; default: column i for row i. */
  truth?: readonly (readonly number[])[] | undefined;
  ties?: Ties | undefined;
  /** Cut-offs of recall; default 1, 5, 10. */
  at?: readonly number[] | undefined;
  /** Percentile intervals by resampling queries: number of resamples, seed, and covered share. */
  bootstrap?: { samples?: number | undefined; seed?: number | undefined; confidence?: number | undefined } | undefined;
}

/** Shares from 0 to 1 and ranks from 1. */
export interface RetrievalMetrics {
  queries: number;
  candidates: number;
  [recall: `R@${number}`]: number;
  medianRank: number;
  meanRank: number;
  /** Low and high end of each metric (with `bootstrap`). */
  intervals?: Record<string, [number, number]> | undefined;
}

/** The rank of the best relevant column of one row. */
export interface Rank {
  /** Number of irrelevant columns with a higher score. */
  above: number;
  /** Number of irrelevant columns with the same score. */
  equal: number;
  /** Number of relevant columns with that score, at least 1. */
  relevant: number;
}

/**
 * Ranks of the rows of a similarity matrix.
 * @param similarity `[rows, columns]`, row-major; higher is closer
 * @throws InvalidArgumentError for a shape that does not fit, NaN, or a row without a relevant column
 */
export function retrievalRanks(
  similarity: ArrayLike<number>,
  [rows, columns]: readonly [number, number],
  truth?: readonly (readonly number[])[],
): Rank[] {
  if (similarity.length !== rows * columns) {
    throw invalid("similarity", `${rows} x ${columns} values`, `${similarity.length}`);
  }
  if (!truth && rows > columns) throw invalid("similarity", `a column for each of the ${rows} rows`, `${columns}`);
  if (truth && truth.length !== rows)
    throw invalid("truth", `an entry for each of the ${rows} rows`, `${truth.length}`);
  return Array.from({ length: rows }, (_, row) => {
    const relevant = new Set(truth?.[row] ?? [row]);
    let best = -Infinity;
    for (const column of relevant) {
      if (!Number.isInteger(column) || column < 0 || column >= columns) {
        throw invalid(`truth of row ${row}`, `columns from 0 to ${columns - 1}`, `${column}`);
      }
      best = Math.max(best, similarity[row * columns + column]);
    }
    if (relevant.size === 0) throw invalid(`truth of row ${row}`, "at least one column", "none");
    const rank: Rank = { above: 0, equal: 0, relevant: 0 };
    for (let column = 0; column < columns; column++) {
      const score = similarity[row * columns + column];
      if (Number.isNaN(score)) throw invalid("similarity", "numbers", `NaN in row ${row}, column ${column}`);
      if (relevant.has(column)) rank.relevant += score === best ? 1 : 0;
      else if (score > best) rank.above++;
      else if (score === best) rank.equal++;
    }
    return rank;
  });
}

/** Recall at k, median and mean rank of a similarity matrix `[rows, columns]`: each row a query, each column a candidate. */
export function retrievalMetrics(
  similarity: ArrayLike<number>,
  shape: readonly [number, number],
  options: RetrievalOptions = {},
): RetrievalMetrics {
  const ranks = retrievalRanks(similarity, shape, options.truth);
  const { ties = "expected", at = [1, 5, 10], bootstrap } = options;
  const summary = (sample: readonly Rank[]) => summarise(sample, ties, at);
  const metrics = { queries: ranks.length, candidates: shape[1], ...summary(ranks) } as RetrievalMetrics;
  if (bootstrap) metrics.intervals = resample(ranks, summary, bootstrap);
  return metrics;
}

function summarise(ranks: readonly Rank[], ties: Ties, at: readonly number[]): Record<string, number> {
  const places = ties === "mmpt" ? ranks.flatMap(everyPlace) : ranks.map((rank) => rank.above + shift(rank, ties));
  const recall = (k: number) =>
    ties === "expected"
      ? mean(ranks.map((rank) => chanceWithin(rank, k)))
      : places.filter((place) => place < k).length / places.length;
  return {
    ...Object.fromEntries(at.map((k) => [`R@${k}`, recall(k)])),
    medianRank: median(places) + 1,
    meanRank: mean(places) + 1,
  };
}

/** Mean number of equal ones before the first relevant one. */
function shift({ equal, relevant }: Rank, ties: Ties): number {
  return ties === "expected" ? equal / (relevant + 1) : 0;
}

function everyPlace({ above, equal, relevant }: Rank): number[] {
  return Array.from({ length: equal + relevant }, (_, i) => above + i);
}

/** Probability that a relevant one is among the first k, for a random order of the equal ones. */
function chanceWithin({ above, equal, relevant }: Rank, k: number): number {
  const places = k - above; // positions that remain for the equal ones
  if (places <= 0) return 0;
  // probability that irrelevant ones take all of them: C(equal, places) / C(equal + relevant, places)
  let none = 1;
  for (let i = 0; i < places && none > 0; i++) none *= Math.max(0, equal - i) / (equal + relevant - i || 1);
  return 1 - none;
}

function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function resample(
  ranks: readonly Rank[],
  summary: (sample: readonly Rank[]) => Record<string, number>,
  { samples = 1000, seed = 0, confidence = 0.95 }: NonNullable<RetrievalOptions["bootstrap"]>,
): Record<string, [number, number]> {
  const draws: Record<string, number[]> = {};
  for (let s = 0; s < samples; s++) {
    const random = new Random(seed, 0, s);
    const sample = ranks.map(() => ranks[random.integer(0, ranks.length - 1)]);
    for (const [name, value] of Object.entries(summary(sample))) (draws[name] ??= []).push(value);
  }
  const tail = (1 - confidence) / 2;
  const ends = (values: number[]): [number, number] => {
    values.sort((a, b) => a - b);
    const last = values.length - 1;
    return [values[Math.floor(tail * last)], values[Math.ceil((1 - tail) * last)]];
  };
  return Object.fromEntries(Object.entries(draws).map(([name, values]) => [name, ends(values)]));
}

function invalid(argument: string, expected: string, received: string): InvalidArgumentError {
  return new InvalidArgumentError(`${argument}: expected ${expected}, received ${received}`, {
    argument,
    expected,
    received,
  });
}
