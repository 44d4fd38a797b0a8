import { type CoinVideo, readCoin } from "../../data/coin.js";
import { readVideoLists, type VideoLists } from "../../data/video_list.js";
import type { VideoClip } from "../../models/videoclip/videoclip.js";
import { loadClassifier } from "../../models/videoclip/videoclip_classifier.js";
import { type Example, middle, span, type Span } from "../example.js";
import { mean } from "../percent.js";
import { itemsWithFeatures, predictEach, type PredictOptions } from "../predict_options.js";
import { secondLabels, type SegmentationMetrics, segmentationMetrics, zeroShotLabels } from "../segmentation.js";
import { WindowEncoder } from "../window_encoder.js";
import type { Benchmark } from "./benchmark.js";
import { byKey, match, writeLines } from "./submission.js";

/** Step segmentation of COIN (Tang et al. 2019). */
export const COIN: Benchmark<SegmentationMetrics> = {
  description: "Step segmentation of COIN (testing subset): frame accuracy, with and without background",
  truth: "COIN.json",
  predictions: "lines {video, labels: [class of each second; 0 is background]}",
  example: "--truth COIN.json --predictions labels.jsonl",
  takes: ["classifier"],
  score: ({ truth, predictions, ...lists }) => scoreCoin(truth, predictions, lists),
  illustrate: async ({ truth, predictions, ...lists }) => ({
    examples: await coinExamples(truth, predictions, lists),
  }),
  predict: async ({ truth, predictions, ...lists }, { classifier, ...options }) => {
    const { device, config } = options.model;
    const classes = classifier && (await loadClassifier(classifier, device.parameters, config.hiddenSize));
    // labels of all videos of the benchmark
    const all = await readCoin(truth, "testing");
    const labels = new Map([...namesOf(all)].sort((a, b) => a[0] - b[0]));
    const selected = await readVideoLists(lists);
    const ofLists = all.filter(({ video }) => selected(video));
    const videos = itemsWithFeatures(ofLists, ({ video }) => video, options);
    const given = typeof classes === "number" ? { ...options, classes } : options;
    writeLines(predictions, await predictCoin(videos, labels, given));
  },
};

/** Text of each label. */
const namesOf = (videos: readonly CoinVideo[]): Map<number, string> =>
  new Map(videos.flatMap(({ steps }) => steps.map(({ label, text }): [number, string] => [label, text])));

/** The submission's lines of the selected videos of the benchmark. */
async function readLabels(truth: string, predictions: string, lists: VideoLists) {
  const lines = await byKey(predictions, (fields) => fields.string("video"));
  const selected = await readVideoLists(lists);
  const videos = (await readCoin(truth, "testing")).filter(({ video }) => selected(video));
  return match(videos, ({ video }) => video, lines, predictions);
}

/**
 * COIN: COIN.json (testing) against lines `{"video", "labels": [class of each second, 0 is background]}`.
 * @param lists select the scored videos; default all
 */
export async function scoreCoin(
  truth: string,
  predictions: string,
  lists: VideoLists = {},
): Promise<SegmentationMetrics> {
  const pairs = await readLabels(truth, predictions, lists);
  return segmentationMetrics(
    pairs.map(({ item, fields }) => {
      const predicted = fields.numbers("labels");
      // features have one row per second, and the last, incomplete second may have none
      if (Math.abs(predicted.length - item.duration) >= 2) {
        throw fields.error("labels", `a class for each of about ${Math.round(item.duration)} s`);
      }
      return { truth: secondLabels(item.steps, predicted.length), predicted };
    }),
  );
}

/**
 * Step segmentation of COIN. After fine-tuning, the class of a second is the classifier's. Zero-shot, it is the label
 * whose text is most similar, or the background if no score exceeds the largest dot product of two labels' texts
 * (MMPT).
 * @param labels class and text of every step, of all videos of the benchmark
 * @param options `classes`: number of classes of the model's classifier, whose parameters are in its store; undefined:
 * zero-shot
 * @returns lines of a submission: `{"video", "labels"}`
 */
export async function predictCoin(
  videos: readonly Pick<CoinVideo, "video">[],
  labels: ReadonlyMap<number, string>,
  options: PredictOptions & { classes?: number | undefined },
): Promise<{ video: string; labels: number[] }[]> {
  const { model, classes, signal } = options;
  const encoder = new WindowEncoder(model, classes);
  try {
    const zeroShot = classes === undefined ? await labelTexts(model, labels, signal) : undefined;
    return await predictEach(
      videos,
      ({ video }) => video,
      options,
      async ({ video }, features) => {
        const seconds = await encoder.seconds(features, undefined, signal);
        return { video, labels: zeroShot ? await zeroShot(seconds) : largest(seconds, classes!) };
      },
    );
  } finally {
    encoder.dispose();
  }
}

/** Zero-shot classes of tokens `[seconds, hidden]`. */
async function labelTexts(model: VideoClip, labels: ReadonlyMap<number, string>, signal?: AbortSignal) {
  const ids = [...labels.keys()];
  const { data: rows } = await model.encodeText([...labels.values()], { signal });
  const { data: between } = await model.similarity(rows, rows, { signal });
  const threshold = between.reduce(
    (max, score, i) => (i % ids.length === Math.floor(i / ids.length) ? max : Math.max(max, score)),
    -Infinity,
  );
  return async (tokens: Float32Array): Promise<number[]> => {
    const { data: scores } = await model.similarity(tokens, rows, { signal });
    return Array.from(zeroShotLabels(scores, ids.length, threshold), (label) => (label === 0 ? 0 : ids[label - 1]));
  };
}

function largest(rows: Float32Array, width: number): number[] {
  return Array.from({ length: rows.length / width }, (_, r) => {
    let best = 0;
    for (let c = 1; c < width; c++) if (rows[r * width + c] > rows[r * width + best]) best = c;
    return best;
  });
}

/** Videos of COIN by the share of correctly classified seconds. */
export async function coinExamples(truth: string, predictions: string, lists: VideoLists = {}): Promise<Example[]> {
  const names = namesOf(await readCoin(truth, "testing"));
  return (await readLabels(truth, predictions, lists)).map(({ item, fields }) => {
    const predicted = fields.numbers("labels");
    const labels = secondLabels(item.steps, predicted.length);
    const right = mean(predicted.map((label, t) => (label === labels[t] ? 1 : 0)));
    return {
      quality: right,
      title: item.video,
      lines: [`${(100 * right).toFixed(1)} % of ${predicted.length} s are right`],
      video: item.video,
      time: item.steps.length > 0 ? middle(item.steps[0].segment) : 0,
      strips: [
        { name: "true", spans: runs(labels, names) },
        { name: "predicted", spans: runs(predicted, names) },
      ],
      length: predicted.length,
    };
  });
}

/** Spans of equal classes without the background. */
function runs(labels: ArrayLike<number>, names: ReadonlyMap<number, string>): Span[] {
  const spans: Span[] = [];
  for (let t = 0, end; t < labels.length; t = end) {
    for (end = t; end < labels.length && labels[end] === labels[t];) end++;
    if (labels[t] !== 0) spans.push(span(t, end, names.get(labels[t]) ?? `class ${labels[t]}`, labels[t]));
  }
  return spans;
}
