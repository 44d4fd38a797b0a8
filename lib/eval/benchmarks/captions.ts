import { writeDurably } from "../../base/files.js";
import { datasetFormat } from "../../data/formats.js";
import type { VideoRecord } from "../../data/record.js";
import { readVideoLists } from "../../data/video_list.js";
import { Skips } from "../../data/skips.js";
import { InvalidArgumentError } from "../../base/errors.js";
import { clipFeatures } from "../../models/videoclip/clip_features.js";
import { npyBytes } from "../../weights/npy.js";
import { type Example, middle, WITHOUT_STRIPS } from "../example.js";
import { itemsWithFeatures, predictEach, type PredictOptions } from "../predict_options.js";
import type { Curve } from "../report.js";
import { retrievalMetrics, type RetrievalMetrics, retrievalRanks, type Ties } from "../retrieval.js";
import { readSimilarity, scoreRetrieval } from "../similarity.js";
import type { Benchmark, BenchmarkFiles } from "./benchmark.js";

/**
 * Text-to-video retrieval on a dataset: every caption is a query among the clips of all captions.
 * @param format of `videoclip data` @param truth description of the file @param subset only videos of this subset
 */
export function captionRetrieval(format: string, truth: string, subset?: string): Benchmark<RetrievalMetrics> {
  const read = async ({ truth, only, except }: BenchmarkFiles) => {
    const pairs = await captionsOf(datasetFormat(format)!.read(truth, { skips: new Skips(0), subset }));
    const selected = await readVideoLists({ only, except });
    // lists of YouCook2 may identify clips by the number of the annotation
    const names = ({ video, clip }: RetrievalPair) => (format === "youcook2" ? [video, `${video}_${clip}`] : [video]);
    return pairs.filter((pair) => selected(...names(pair)));
  };
  const example = truth.split(":")[0].replace(/^lines.*/, "clips.jsonl");
  return {
    description: "Text-to-video retrieval: every caption among the clips of all captions",
    truth: `the dataset: ${truth}`,
    predictions: ".npy [captions, clips] in the order of the dataset; higher is closer",
    example: `--truth ${example} --predictions scores.npy`,
    takes: ["ties", "bootstrap"],
    score: async (files, options) => {
      if (files.only?.length || files.except?.length) checkShape(files, await read(files));
      return scoreRetrieval(files.predictions, undefined, options);
    },
    predict: async (files, options) => {
      const pairs = itemsWithFeatures(await read(files), ({ video }) => video, options);
      const scores = await predictRetrieval(pairs, options);
      writeDurably(files.predictions, npyBytes(scores, [pairs.length, pairs.length], "f32"));
    },
    illustrate: async (files, { ties }) => {
      const pairs = await read(files);
      const matrix = checkShape(files, pairs);
      const { values, shape } = matrix;
      return { curves: [recallCurve(values, shape, ties)], matrix, examples: retrievalExamples(pairs, values) };
    },
  };
}

/** Checks the matrix of a submission. @throws InvalidArgumentError unless it has a row and a column for every pair */
function checkShape({ truth, predictions }: BenchmarkFiles, { length }: readonly RetrievalPair[]) {
  const matrix = readSimilarity(predictions);
  if (matrix.shape.every((size) => size === length)) return matrix;
  throw new InvalidArgumentError(
    `--predictions: expected [${length}, ${length}], as ${truth} has captions of the selected videos, received [${matrix.shape.join(", ")}]`,
    { argument: "predictions", expected: length, received: matrix.shape },
  );
}

/** A text and the seconds of a video that it describes. */
export interface RetrievalPair {
  video: string;
  /** Number of the caption in its video, from 0. */
  clip?: number | undefined;
  start: number;
  end: number;
  text: string;
}

/** Every caption of a dataset's videos. */
export async function captionsOf(records: AsyncIterable<VideoRecord>): Promise<RetrievalPair[]> {
  const pairs: RetrievalPair[] = [];
  for await (const { video, captions } of records) {
    captions.forEach(({ start, end, text }, clip) => pairs.push({ video, clip, start, end, text }));
  }
  return pairs;
}

/**
 * Text-to-video retrieval as in MMPT: dot products of every text with every clip; clips are cut to the model's length
 * (the first 32 s).
 * @returns f32 `[texts, clips]`; clip i belongs to text i
 */
export async function predictRetrieval(
  pairs: readonly RetrievalPair[],
  options: PredictOptions,
): Promise<Float32Array> {
  const { model, signal } = options;
  const clips = await predictEach(
    pairs,
    ({ video }) => video,
    options,
    ({ start, end }, features) => clipFeatures(features, start, Math.min(end, start + model.config.maxVideoLength)),
  );
  const videos = await model.encodeVideo(clips, { longVideos: "truncate", signal });
  const texts = await model.encodeText(
    pairs.map(({ text }) => text),
    { signal },
  );
  return (await model.similarity(texts, videos, { signal })).data;
}

/** R@k for k up to 100. */
function recallCurve(values: ArrayLike<number>, shape: readonly [number, number], ties: Ties | undefined): Curve {
  const at = Array.from({ length: Math.min(100, shape[1]) }, (_, i) => i + 1);
  const metrics = retrievalMetrics(values, shape, { ties, at });
  return { name: "Recall at k", axis: "k", points: at.map((k) => [k, metrics[`R@${k}`]]) };
}

/** Queries of a retrieval by their rank, with the first results. @param similarity `[texts, clips]` */
export function retrievalExamples(pairs: readonly RetrievalPair[], similarity: ArrayLike<number>): Example[] {
  const n = pairs.length;
  return retrievalRanks(similarity, [n, n]).map(({ above, equal }, row) => {
    const score = (column: number) => similarity[row * n + column];
    const order = pairs.map((_, column) => column).sort((a, b) => score(b) - score(a));
    const { video, start, end, text } = pairs[row];
    const found = order.slice(0, 3).map((column, i) => `${i + 1}. ${describe(pairs[column])}, score ${score(column).toFixed(3)}`); // prettier-ignore
    const margin = score(row) - score(order[0] === row ? (order[1] ?? row) : order[0]);
    return {
      // by rank; equal ranks by the distance to the best other candidate
      quality: -(above + equal / 2) + Math.atan(margin) / Math.PI,
      title: text,
      lines: [`its own clip (${describe(pairs[row])}) has rank ${above + 1}`, ...found],
      video,
      time: middle([start, Math.min(end, start + 32)]),
      ...WITHOUT_STRIPS,
    };
  });
}

const describe = ({ video, start, end, text }: RetrievalPair): string =>
  `${video}${end < Number.MAX_SAFE_INTEGER ? `, ${start} to ${end} s` : ""}: ${text}`;
