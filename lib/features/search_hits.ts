import type { IndexFiles } from "./index_files.js";
import type { RankedRows } from "./index_rows.js";

/** A row that matches a query. */
export interface SearchHit {
  video: string;
  /** Seconds. */
  start: number;
  end: number;
  /** Dot product of the query with the row. */
  score: number;
  /** Index of the row. */
  row: number;
}

/** The hits of a query, best first. @internal */
export interface Hits extends Iterable<SearchHit> {
  readonly length: number;
  score(place: number): number;
}

/** The hits that these rows are. */
export function hitsOf(files: IndexFiles, { rows, scores }: RankedRows): Hits {
  return {
    length: rows.length,
    score: (i) => scores[i],
    *[Symbol.iterator]() {
      for (const [i, row] of rows.entries()) {
        const { video, start, end } = files.span(row);
        yield { video: files.videoName(video), start, end, score: scores[i], row };
      }
    },
  };
}
