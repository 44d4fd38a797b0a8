import type { FeatureIndex } from "../features/feature_index.js";
import type { Hits } from "../features/search_hits.js";
import { SharedRuns } from "./shared_runs.js";

interface RowSearch {
  vector: Float32Array;
  top: number;
}

/**
 * Searches of all rows of an index. Those that wait share a pass over the rows: reading these takes most of the time, and a row's score
 * does not depend on the other queries.
 */
export class SharedPasses {
  #runs = new WeakMap<FeatureIndex, SharedRuns<RowSearch, Hits>>();

  /** @param coming number of searches that are being prepared */
  constructor(private readonly coming: () => number = () => 0) {}

  /** As `FeatureIndex.find`. The index must stay open until the promise is settled. @throws IndexError; `signal.reason` */
  search(index: FeatureIndex, vector: Float32Array, top: number, signal: AbortSignal): Promise<Hits> {
    let runs = this.#runs.get(index);
    if (!runs) {
      runs = new SharedRuns(
        (searches) => pass(index, searches),
        (first, other) => other.top === first.top,
        this.coming,
      );
      this.#runs.set(index, runs);
    }
    return runs.run({ vector, top }, signal);
  }
}

function pass(index: FeatureIndex, searches: readonly RowSearch[]): Promise<Hits[]> {
  const vectors = new Float32Array(searches.length * index.dim);
  searches.forEach(({ vector }, i) => vectors.set(vector, i * index.dim));
  return index.find({ vectors, top: searches[0].top });
}
