import type { FeatureIndex } from "../features/feature_index.js";
import type { Hits } from "../features/search_hits.js";
import type { IndexFit } from "../features/fit/fit.js";
import { fitOfAnswer } from "./answer_fit.js";
import { Gate } from "./gate.js";
import { bestOfVideo, momentsOf, overlaps, rankTogether, timeLine, withoutOverlaps } from "./moments.js";
import type { SearchParameters } from "./parameters.js";
import { findParts, type Query, queryOf, type QuerySources, spaceOfParts } from "./query.js";
import { RequestError } from "./request_error.js";
import type { ExampleResult, GroupResult, MomentResult, SearchAnswer, TimeLineResult } from "./answers.js";
import type { ServedIndex } from "./served_index.js";
import { SharedPasses } from "./shared_passes.js";
import { spaceOf } from "./text_encoders.js";
import type { VideoFields } from "./video_fields.js";
import { videoFilter } from "./video_filter.js";
import { videoId } from "./video_ids.js";

/** Rows that are asked for at first, and at most: a place and a name are read for each. */
const FIRST_ROWS = 256;
const MAX_ROWS = 16_384;
/** Parts of a time line. */
const BINS = 300;
/** Moments of a video in a grouped answer. */
const MOMENTS = 10;

/** A window that was found, with the index that has it. */
interface Found {
  start: number;
  end: number;
  score: number;
  /** Name of the index. */
  index: string;
  video: string;
  source: FeatureIndex;
}

interface Opened {
  served: ServedIndex;
  index: FeatureIndex;
}

/** Searches with a filter that run at once: each copies the rows that it looks at. */
const FILTERED = 2;

/** Searches the rows of indexes. */
class Rows {
  /** Queries that are being made, whose searches follow. */
  #coming = 0;
  readonly #shared = new SharedPasses(() => this.#coming);
  readonly #filtered = new Gate(FILTERED, Infinity);

  /** @param fields of the videos, for filters */
  constructor(readonly fields: VideoFields) {}

  /** Runs what makes a query. */
  async before<T>(work: () => Promise<T>): Promise<T> {
    this.#coming++;
    try {
      return await work();
    } finally {
      this.#coming--;
    }
  }

  async search(
    index: FeatureIndex,
    vector: Float32Array,
    { top, filter, signal }: { top: number; filter: ((name: string) => boolean) | undefined; signal: AbortSignal },
  ): Promise<Hits> {
    if (!filter) return this.#shared.search(index, vector, top, signal);
    const [hits] = await this.#filtered.run(() => index.find({ vector, top, filter, signal }), signal);
    return hits;
  }
}

/** Answers searches over the open indexes. */
export class SearchService {
  readonly #rows: Rows;

  readonly #sources: QuerySources;

  constructor(
    readonly indexes: readonly ServedIndex[],
    sources: Omit<QuerySources, "video">,
    readonly fields: VideoFields,
  ) {
    this.#rows = new Rows(fields);
    this.#sources = { ...sources, video: (id) => this.video(id) };
  }

  /** @throws RequestError for an index, a video or a combination that is not there; `signal.reason` */
  async search(parameters: SearchParameters, signal: AbortSignal): Promise<SearchAnswer> {
    if (parameters.field && this.fields.names.length === 0)
      throw new RequestError(400, "field: this server knows no fields of its videos: start it with --features");
    const parts = await findParts(parameters, this.#sources);
    return useAll(this.#select(parameters.index, spaceOfParts(parts)), async (opened) => {
      const [{ index }] = opened;
      if (opened.some((other) => spaceOf(other.index) !== spaceOf(index) || other.index.dim !== index.dim))
        throw new RequestError(400, "index: these indexes have different models, so their scores cannot be compared");
      const query = await this.#rows.before(() => queryOf(index, parts, this.#sources, signal));
      const { encoders } = this.#sources;
      return answer(this.#rows, opened, query, parameters, signal, (each) => encoders.fit(each));
    });
  }

  /** The index of this name, or the first one. @throws RequestError 404 */
  named(name: string | undefined): ServedIndex {
    const served = name === undefined ? this.indexes[0] : this.indexes.find((other) => other.name === name);
    if (served) return served;
    throw new RequestError(404, `index: no index is called ${JSON.stringify(name!.slice(0, 40))}: see /api/indexes`);
  }

  /** The index and the name of a video. */
  async video(id: string): Promise<{ served: ServedIndex; name: string } | undefined> {
    for (const served of this.indexes) {
      const name = await served.videoName(id);
      if (name !== undefined) return { served, name };
    }
    return undefined;
  }

  /** The indexes with these names; without names those that have this space, or that of the first one. */
  #select(names: readonly string[], space = spaceOf(this.indexes[0].current)): ServedIndex[] {
    if (names.length === 0) {
      const fitting = this.indexes.filter((served) => spaceOf(served.current) === space);
      return fitting.length > 0 ? fitting : [this.indexes[0]];
    }
    return [...new Set(names)].map((name) => this.named(name));
  }
}

/** Runs `work` on the newest states of indexes, which stay open meanwhile. */
async function useAll<T>(
  indexes: readonly ServedIndex[],
  work: (opened: readonly Opened[]) => Promise<T>,
  opened: readonly Opened[] = [],
): Promise<T> {
  const served = indexes[opened.length];
  if (!served) return work(opened);
  return served.use((index) => useAll(indexes, work, [...opened, { served, index }]));
}

async function answer(
  rows: Rows,
  opened: readonly Opened[],
  query: Query,
  parameters: SearchParameters,
  signal: AbortSignal,
  fitOf: (index: FeatureIndex) => IndexFit | undefined,
): Promise<SearchAnswer> {
  const { offset, limit, threshold = Number.NEGATIVE_INFINITY, group, timeline } = parameters;
  const { results, best, truncated } = await find(rows, opened, query, parameters, offset + limit + 1, signal);
  const fit = query.sentence && fitOfAnswer(query.sentence, best, fitOf);
  const page = results.slice(offset, offset + limit);
  const lines = new Map<string, { line: TimeLineResult; moments: MomentResult[] }>();
  if (timeline || group) {
    for (const { source, index, video } of page.filter(bestOfVideo())) {
      const { spans, scores } = await source.similarityOverTime(query.vector, video, { signal });
      const place = { index, video: idOf(source, video), path: video };
      const line = { video: place.video, parts: timeLine(spans, scores, BINS).map(rounded) };
      const own = examplesIn(query, index, video);
      const moments = momentsOf(spans, scores, threshold, own).slice(0, MOMENTS);
      lines.set(place.video, { line, moments: moments.map((moment) => ({ ...place, ...rounded(moment) })) });
    }
  }
  const groupOf = ({ source, index, video, score }: Found): GroupResult => {
    const id = idOf(source, video);
    return { index, video: id, path: video, score: short(score), moments: lines.get(id)?.moments ?? [] };
  };
  const momentOf = ({ source, index, video, start, end, score }: Found): MomentResult => {
    const place = { index, video: idOf(source, video), path: video };
    return { ...place, ...rounded({ start, end, score }) };
  };
  return {
    indexes: opened.map(({ served }) => served.name),
    unknown: query.unknown,
    ...(fit ? { fit } : {}),
    examples: query.examples,
    ...(group ? { videos: page.map(groupOf) } : { moments: page.map(momentOf) }),
    ...(timeline ? { timelines: [...lines.values()].map(({ line }) => line) } : {}),
    offset,
    more: results.length > offset + limit,
    truncated,
  };
}

/** The best score of the sentence in each index. */
type Best = Map<FeatureIndex, number>;

/** At least `wanted` results if there are as many: more rows are asked for until there are enough of them. */
async function find(
  rows: Rows,
  opened: readonly Opened[],
  query: Query,
  parameters: SearchParameters,
  wanted: number,
  signal: AbortSignal,
): Promise<{ results: Found[]; best: Best; truncated: boolean }> {
  const { group, merge } = parameters;
  for (let asked = FIRST_ROWS; ; asked *= 4) {
    const { windows, best, all } = await ranked(rows, opened, query, parameters, asked, signal);
    const results = firstOf(windows, wanted, group ? bestOfVideo() : merge ? withoutOverlaps() : () => true);
    if (results.length >= wanted || all) return { results, best, truncated: false };
    if (asked >= MAX_ROWS) return { results, best, truncated: true };
  }
}

/** At most `count` of the windows that `keep` accepts. */
function firstOf(windows: Iterable<Found>, count: number, keep: (window: Found) => boolean): Found[] {
  const results: Found[] = [];
  for (const window of windows) {
    if (keep(window) && results.push(window) === count) break;
  }
  return results;
}

/** The best windows of all indexes, best first, and whether these are all that can be results. */
async function ranked(
  rows: Rows,
  opened: readonly Opened[],
  query: Query,
  parameters: SearchParameters,
  top: number,
  signal: AbortSignal,
): Promise<{ windows: Iterable<Found>; best: Best; all: boolean }> {
  const { threshold = Number.NEGATIVE_INFINITY } = parameters;
  const lists: Iterable<Found>[] = [];
  const best: Best = new Map();
  let floor = Number.NEGATIVE_INFINITY;
  for (const { served, index } of opened) {
    if (index.size === 0) continue;
    const filter = await videoFilter(index, parameters, rows.fields);
    const hits = await rows.search(index, query.vector, { top, filter, signal });
    // windows of other indexes below the last one could be behind some that were not asked for
    if (hits.length === top) floor = Math.max(floor, hits.score(top - 1));
    const row = query.sentence?.row;
    const nearest = row ? await rows.search(index, row, { top: 1, filter, signal }) : hits;
    if (nearest.length > 0) best.set(index, nearest.score(0));
    lists.push(windowsOf(hits, served.name, index));
  }
  const isExample = (window: Found) =>
    query.examples.length > 0 &&
    examplesIn(query, window.index, window.video).some((example) => overlaps(window, example));
  const windows = function* (): Generator<Found> {
    for (const window of rankTogether(lists)) {
      if (!(window.score >= floor && window.score >= threshold)) return;
      if (!isExample(window)) yield window;
    }
  };
  return { windows: windows(), best, all: floor === Number.NEGATIVE_INFINITY || floor < threshold };
}

/** The wanted examples of a query that are moments of this video; they are no results. */
const examplesIn = ({ examples }: Query, index: string, path: string): ExampleResult[] =>
  examples.filter((example) => !example.negative && example.index === index && example.path === path);

function* windowsOf(hits: Hits, index: string, source: FeatureIndex): Generator<Found> {
  for (const { start, end, score, video } of hits) yield { start, end, score, index, video, source };
}

const idOf = (index: FeatureIndex, video: string): string => videoId(index.manifest.id, video);

/** The shortest number that is the same float32, so that a score that was read is also a threshold. */
function short(score: number): number {
  let shortest = Number(score.toPrecision(9));
  for (let digits = 8; digits >= 6; digits--) {
    const value = Number(score.toPrecision(digits));
    if (Math.fround(value) !== score) break;
    shortest = value;
  }
  return shortest;
}
const rounded = <T extends { score: number }>(span: T): T => ({ ...span, score: short(span.score) });
