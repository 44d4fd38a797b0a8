import { InvalidArgumentError } from "../../base/errors.js";

export interface SearchOptions {
  /** Number of hypotheses per source. 1 is greedy search. Default 1. */
  beams?: number | undefined;
  /** Maximum number of tokens of a result, including the end token. */
  maxLength: number;
  /**
   * Exponent of the length penalty, by which scores are divided; 0 prefers short results. Default 0.6, as in the paper.
   */
  lengthPenalty?: number | undefined;
  /**
   * Base of the length penalty: `gnmt` (5 + length) / 6 (Wu et al. 2016, arXiv 1609.08144; the Transformer paper), or
   * `power` the length (Hugging Face). Default `gnmt`.
   */
  normalization?: "gnmt" | "power" | undefined;
}

export interface Tokens {
  /** Id of the start token, which results do not contain. */
  start: number;
  /** Id of the end token, which results do not contain. */
  end: number;
  /** Ids that are never chosen. */
  forbidden: readonly number[];
}

/** A result: ids without start and end. */
export interface Hypothesis {
  ids: number[];
  /** Logarithm of its probability, divided by its length penalty. Results are ordered by it. */
  score: number;
  logProbability: number;
  /** Whether it ended with the end token; otherwise it was cut at `maxLength`. */
  ended: boolean;
}

/**
 * Computes the logarithms of the probabilities of each row's next token, f32 `[rows, vocabulary]`.
 * @param tokens the last token of each row @param parents for each row, the row of the previous step that it continues
 * @param length number of tokens before this one; 0 at the first step
 */
export type NextTokens = (tokens: Int32Array, parents: Int32Array, length: number) => Promise<Float32Array>;

/** @throws InvalidArgumentError for options out of range */
export function checkSearch({ beams = 1, maxLength, lengthPenalty = 0.6 }: SearchOptions): void {
  for (const [name, value] of Object.entries({ beams, maxLength })) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw new InvalidArgumentError(`${name}: expected a positive integer, received ${value}`, { argument: name });
  }
  if (!(lengthPenalty >= 0)) {
    throw new InvalidArgumentError(`lengthPenalty: expected at least 0, received ${lengthPenalty}`, {
      argument: "lengthPenalty",
    });
  }
}

interface Beam {
  ids: number[];
  sum: number;
  row: number;
}

interface Search {
  live: Beam[];
  finished: Hypothesis[];
  done: boolean;
}

/** The `count` best continuations, best first; among equal ones the earlier beam, then the lower id. */
function bestContinuations(
  live: readonly Beam[],
  scores: Float32Array,
  vocabulary: number,
  count: number,
  skip: ReadonlySet<number>,
): { beam: Beam; token: number; sum: number }[] {
  const best: { beam: Beam; token: number; sum: number }[] = [];
  for (const beam of live) {
    for (let token = 0; token < vocabulary; token++) {
      const sum = beam.sum + scores[beam.row * vocabulary + token];
      if (!(sum > -Infinity) || (best.length === count && sum <= best[count - 1].sum) || skip.has(token)) continue;
      let at = best.length;
      while (at > 0 && best[at - 1].sum < sum) at--;
      best.splice(at, 0, { beam, token, sum });
      if (best.length > count) best.pop();
    }
  }
  return best;
}

/**
 * Greedy or beam search for `sources` sources at a time. Row `i * beams + b` of a step is beam b of source i. The
 * search of a source ends when no live beam can exceed the score of its worst kept result.
 * @returns for each source up to `beams` results, best first
 */
export async function beamSearch(
  next: NextTokens,
  sources: number,
  tokens: Tokens,
  options: SearchOptions,
): Promise<Hypothesis[][]> {
  const { beams = 1, maxLength, lengthPenalty = 0.6, normalization = "gnmt" } = options;
  checkSearch(options);
  const penalty = (n: number) => (normalization === "gnmt" ? (5 + n) / 6 : n) ** lengthPenalty;
  const skip = new Set(tokens.forbidden);
  const searches = Array.from({ length: sources }, (_, i): Search => {
    return { live: [{ ids: [], sum: 0, row: i * beams }], finished: [], done: false };
  });
  let last = new Int32Array(sources * beams).fill(tokens.start);
  let parents = Int32Array.from(last, (_, row) => row);
  const finish = (search: Search, ids: number[], sum: number, length: number, ended: boolean) => {
    search.finished.push({ ids, logProbability: sum, score: sum / penalty(length), ended });
    search.finished.sort((a, b) => b.score - a.score);
    search.finished.length = Math.min(search.finished.length, beams);
  };

  for (let length = 1; length <= maxLength && searches.some(({ done }) => !done); length++) {
    const scores = await next(last, parents, length - 1);
    const vocabulary = scores.length / last.length;
    last = last.map(() => tokens.end);
    parents = parents.map((_, row) => row);
    searches.forEach((search, i) => {
      if (search.done) return;
      const candidates = bestContinuations(search.live, scores, vocabulary, 2 * beams, skip);
      const greedyEnd = beams === 1 && candidates[0]?.token === tokens.end;
      search.live = [];
      candidates.forEach(({ beam, token, sum }, rank) => {
        if (token === tokens.end) {
          if (rank < beams) finish(search, beam.ids, sum, length, true);
          return;
        }
        if (search.live.length === beams || greedyEnd) return;
        const row = i * beams + search.live.length;
        last[row] = token;
        parents[row] = beam.row;
        search.live.push({ ids: [...beam.ids, token], sum, row });
      });
      if (length === maxLength) for (const { ids, sum } of search.live) finish(search, ids, sum, length, false);
      // sums only fall, so this bounds the score of every live beam
      const reach = search.live.length > 0 ? search.live[0].sum / penalty(maxLength) : -Infinity;
      const enough = search.finished.length === beams && reach <= search.finished[beams - 1].score;
      search.done = search.live.length === 0 || enough;
    });
  }
  return searches.map(({ finished }) => finished);
}
