import { writeDurably } from "../../base/files.js";
import { type DidemoQuery, readDidemo } from "../../data/didemo.js";
import { readVideoLists, type VideoLists } from "../../data/video_list.js";
import { asList, fileError, readJson } from "../../data/json_file.js";
import { CHUNK_SECONDS, type Chunks, type DidemoMetrics, didemoMetrics, rankSegments } from "../didemo.js";
import { type Example, middle, span } from "../example.js";
import { type Interval, iou } from "../intervals.js";
import { mean } from "../percent.js";
import { itemsWithFeatures, predictEach, type PredictOptions } from "../predict_options.js";
import type { Benchmark } from "./benchmark.js";
import { byKey, isLines, match, writeLines } from "./submission.js";

/** Moments of DiDeMo (Hendricks et al. 2017). */
export const DIDEMO: Benchmark<DidemoMetrics> = {
  description: "Moments of DiDeMo: rank@1, rank@5, mIoU",
  truth: "test_data.json",
  predictions:
    "a JSON list of ranked [[first, last] chunk] lists in the order of the truth, or lines {annotation_id, segments}",
  example: "--truth test_data.json --predictions moments.json",
  score: ({ truth, predictions, ...lists }) => scoreDidemo(truth, predictions, lists),
  illustrate: async ({ truth, predictions, ...lists }) => ({
    examples: await didemoExamples(truth, predictions, lists),
  }),
  predict: async ({ truth, predictions, ...lists }, options) => {
    const queries = itemsWithFeatures(await selectQueries(truth, lists), ({ video }) => video, options);
    const ranked = await predictDidemo(queries, options);
    if (!isLines(predictions)) writeDurably(predictions, `${JSON.stringify(ranked)}\n`);
    else writeLines(predictions, ranked.map((segments, i) => ({ annotation_id: queries[i].id, segments }))); // prettier-ignore
  },
};

/** The queries on the selected videos. */
async function selectQueries(truth: string, lists: VideoLists): Promise<DidemoQuery[]> {
  const selected = await readVideoLists(lists);
  return (await readDidemo(truth)).filter(({ video }) => selected(video));
}

/** Every query with its predicted moments, best first. @throws DatasetError for a submission of another format */
async function readRankings(
  truth: string,
  file: string,
  videos: VideoLists,
): Promise<{ query: DidemoQuery; predicted: Chunks[] }[]> {
  const queries = await selectQueries(truth, videos);
  if (isLines(file)) {
    const lines = await byKey(file, (fields) => `${fields.integer("annotation_id")}`);
    return match(queries, ({ id }) => `${id}`, lines, file).map(({ item, fields }) => {
      const rows = fields.rows("segments", 2);
      if (rows.length === 0) throw fields.error("segments", "at least one moment");
      return { query: item, predicted: rows.map(([first, last]): Chunks => [first, last]) };
    });
  }
  const lists = asList(await readJson(file), file, "");
  if (lists.length !== queries.length) {
    throw fileError(file, "", `expected ${queries.length} lists of moments, received ${lists.length}`);
  }
  return queries.map((query, i) => {
    const predicted = asList(lists[i], file, `[${i}]`).map((pair): Chunks => {
      const [first, last] = asList(pair, file, `[${i}]`).map(Number);
      if (Number.isInteger(first) && Number.isInteger(last)) return [first, last];
      throw fileError(file, `[${i}]`, `expected [first, last] chunks, received ${JSON.stringify(pair)}`);
    });
    if (predicted.length === 0) throw fileError(file, `[${i}]`, "expected at least one moment");
    return { query, predicted };
  });
}

/**
 * DiDeMo: test_data.json against its submission format, a JSON list with one list of ranked `[first, last]` chunks per
 * entry of the truth, in its order; or lines `{"annotation_id", "segments"}`.
 * @param lists select the videos that are scored and that the submission has; default all
 */
export async function scoreDidemo(truth: string, predictions: string, lists: VideoLists = {}): Promise<DidemoMetrics> {
  const rankings = await readRankings(truth, predictions, lists);
  return didemoMetrics(rankings.map(({ query, predicted }) => ({ times: query.times, predicted })));
}

/**
 * Moments of DiDeMo, zero-shot, ranked as in MMPT: see {@link rankSegments}. A second's score is the dot product of its
 * last hidden state with the text; the model reads the first 32 s of longer videos.
 * @returns a submission: for each query its ranked `[first, last]` chunks, without those that begin after the video
 */
export function predictDidemo(queries: readonly DidemoQuery[], options: PredictOptions): Promise<Chunks[][]> {
  const { model, signal } = options;
  return predictEach(
    queries,
    ({ video }) => video,
    options,
    async ({ text }, features) => {
      const found = await model.encodeVideo(features, { longVideos: "truncate", tokens: "padded", signal });
      const query = await model.encodeText(text, { signal });
      const { data: scores } = await model.similarity(found.tokens![0], query, { signal });
      return rankSegments(scores, features.shape[0]);
    },
  );
}

/** Queries of DiDeMo by the overlap of the first prediction with the annotators' moments. */
export async function didemoExamples(truth: string, predictions: string, lists: VideoLists = {}): Promise<Example[]> {
  const seconds = ([first, last]: Chunks): Interval => [CHUNK_SECONDS * first, CHUNK_SECONDS * (last + 1)];
  return (await readRankings(truth, predictions, lists)).map(({ query: { video, text, times, chunks }, predicted }) => {
    const best = seconds(predicted[0]);
    const overlaps = times.map((time) => iou(best, seconds(time)));
    return {
      quality: mean(overlaps),
      title: text,
      lines: [
        `first: ${best[0]} to ${best[1]} s, IoU with the annotators' ${overlaps.map((v) => v.toFixed(2)).join(", ")}`,
      ],
      video,
      time: middle(best),
      strips: [
        ...times.map((time, a) => ({ name: `annotator ${a + 1}`, spans: [span(...seconds(time), "moment", 1)] })),
        { name: "predicted", spans: [span(...best, "first", 2)] },
      ],
      length: CHUNK_SECONDS * chunks,
    };
  });
}
