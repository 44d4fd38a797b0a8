import { readCoin } from "../data/coin.js";
import { listCrossTaskAnnotations, readCrossTaskSteps } from "../data/crosstask.js";
import { readDidemo } from "../data/didemo.js";
import { asList, readJson } from "../data/json_file.js";
import { readMsrvttQuestions } from "../data/msrvtt.js";
import type { Chunks } from "./didemo.js";
import { type Interval, iou } from "./intervals.js";
import { mean } from "./percent.js";
import type { RetrievalPair } from "./predict/text.js";
import { readMomentPredictions, readMomentTruth } from "./qvhighlights_files.js";
import { retrievalRanks } from "./retrieval.js";
import { byKey, match } from "./score_files.js";
import { secondLabels } from "./segmentation.js";

/** A span of a strip: things of one class have one colour. */
export interface Span {
  start: number;
  end: number;
  label: string;
  class: number;
}

/** What is true or predicted along a video. */
export interface Strip {
  name: string;
  spans: Span[];
}

/** One query or video of a benchmark with what was predicted, for a report. */
export interface Example {
  /** Higher is better; within one benchmark. */
  quality: number;
  title: string;
  lines: string[];
  video: string;
  /** Seconds: where a picture is taken. */
  time: number;
  /** Along the whole video, and how long it is. */
  strips: Strip[];
  length: number;
}

const span = (start: number, end: number, label: string, kind: number): Span => ({ start, end, label, class: kind });
const plain = { strips: [] as Strip[], length: 0 };
const middle = ([start, end]: Interval): number => (start + end) / 2;

/** Queries of a retrieval by their rank, with what was found first. @param similarity `[texts, clips]` */
export function retrievalExamples(pairs: readonly RetrievalPair[], similarity: ArrayLike<number>): Example[] {
  const n = pairs.length;
  return retrievalRanks(similarity, [n, n]).map(({ above, equal }, row) => {
    const order = pairs.map((_, column) => column).sort((a, b) => similarity[row * n + b] - similarity[row * n + a]);
    const { video, start, end, text } = pairs[row];
    const found = order.slice(0, 3).map((column, i) => `${i + 1}. ${describe(pairs[column])}, score ${similarity[row * n + column].toFixed(3)}`); // prettier-ignore
    const margin = similarity[row * n + row] - similarity[row * n + (order[0] === row ? (order[1] ?? row) : order[0])];
    return {
      // by rank, within a rank by the distance to the best other
      quality: -(above + equal / 2) + Math.atan(margin) / Math.PI,
      title: text,
      lines: [`its own clip (${describe(pairs[row])}) has rank ${above + 1}`, ...found],
      video,
      time: middle([start, Math.min(end, start + 32)]),
      ...plain,
    };
  });
}

const describe = ({ video, start, end, text }: RetrievalPair): string =>
  `${video}${end < Number.MAX_SAFE_INTEGER ? `, ${start} to ${end} s` : ""}: ${text}`;

/** Questions of MSR-VTT by the margin of the right answer. */
export async function choiceExamples(truth: string, predictions: string): Promise<Example[]> {
  const lines = await byKey(predictions, (fields) => fields.string("vid_key"));
  return match(await readMsrvttQuestions(truth), ({ key }) => key, lines, predictions).map(({ item, fields }) => {
    const given = fields.has("scores") ? fields.numbers("scores") : undefined;
    const scores = given ?? item.choices.map((_, i) => (i === fields.integer("answer") ? 1 : 0));
    const others = scores.filter((_, i) => i !== item.answer);
    return {
      quality: scores[item.answer] - Math.max(...others),
      title: item.key,
      lines: item.choices.map(
        (text, i) => `${i === item.answer ? "right" : "wrong"}, ${scores[i].toFixed(3)}: ${text}`,
      ),
      video: item.video,
      time: 2,
      ...plain,
    };
  });
}

/** Videos of COIN by the share of seconds whose class is right. */
export async function coinExamples(truth: string, predictions: string): Promise<Example[]> {
  const lines = await byKey(predictions, (fields) => fields.string("video"));
  const videos = await readCoin(truth, "testing");
  const names = new Map(videos.flatMap(({ steps }) => steps.map(({ label, text }): [number, string] => [label, text])));
  return match(videos, ({ video }) => video, lines, predictions).map(({ item, fields }) => {
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

/** Stretches of equal classes; the background is left out. */
function runs(labels: ArrayLike<number>, names: ReadonlyMap<number, string>): Span[] {
  const spans: Span[] = [];
  for (let t = 0, end; t < labels.length; t = end) {
    for (end = t; end < labels.length && labels[end] === labels[t];) end++;
    if (labels[t] !== 0) spans.push(span(t, end, names.get(labels[t]) ?? `class ${labels[t]}`, labels[t]));
  }
  return spans;
}

/** Videos of CrossTask by the share of the steps there are that were found. */
export async function crossTaskExamples(annotations: string, predictions: string): Promise<Example[]> {
  const lines = await byKey(predictions, (fields) => `${fields.string("task")}_${fields.string("video")}`);
  const all = await listCrossTaskAnnotations(annotations);
  const found = all.filter(({ task, video }) => lines.has(`${task}_${video}`));
  return Promise.all(
    match(found, ({ task, video }) => `${task}_${video}`, lines, predictions).map(async ({ item, fields }) => {
      const steps = await readCrossTaskSteps(item.file);
      const seconds = fields.numbers("seconds");
      const present = [...new Set(steps.map(({ step }) => step))];
      const hit = present.filter(
        (step) =>
        steps.some(({ step: s, start, end }) => s === step && seconds[s - 1] >= Math.floor(start) && seconds[s - 1] < Math.ceil(end)), // prettier-ignore
      );
      return {
        quality: hit.length / Math.max(1, present.length),
        title: `${item.video}, task ${item.task}`,
        lines: [`${hit.length} of ${present.length} steps found`],
        video: item.video,
        time: steps.length > 0 ? middle([steps[0].start, steps[0].end]) : 0,
        strips: [
          { name: "true", spans: steps.map(({ step, start, end }) => span(start, end, `step ${step}`, step)) },
          { name: "predicted", spans: seconds.map((second, k) => span(second, second + 1, `step ${k + 1}`, k + 1)) },
        ],
        length: Math.max(...steps.map(({ end }) => end), ...seconds.map((second) => second + 1)),
      };
    }),
  );
}

/** Queries of DiDeMo by the overlap of the first prediction with the annotators' moments. */
export async function didemoExamples(truth: string, predictions: string): Promise<Example[]> {
  const queries = await readDidemo(truth);
  const jsonl = /\.jsonl(\.gz)?$/.test(predictions);
  const lines = jsonl ? await byKey(predictions, (fields) => `${fields.integer("annotation_id")}`) : undefined;
  const lists = lines ? [] : asList(await readJson(predictions), predictions, "");
  const seconds = ([first, last]: Chunks): Interval => [5 * first, 5 * (last + 1)];
  return queries.map(({ id, video, text, times, chunks }, i) => {
    const ranked = (lines ? lines.get(`${id}`)!.rows("segments", 2) : (lists[i] as number[][])) as unknown as Chunks[];
    const best = seconds(ranked[0]);
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
      length: 5 * chunks,
    };
  });
}

/** Queries of QVHighlights by the overlap of the first window with the nearest true one. */
export async function momentExamples(truth: string, predictions: string): Promise<Example[]> {
  const lines = new Map((await readMomentPredictions(predictions)).map((line) => [line.qid, line]));
  return (await readMomentTruth(truth)).flatMap(({ qid, vid, query, duration, relevant_windows: windows }) => {
    const [first] = lines.get(qid)?.pred_relevant_windows ?? [];
    if (!first) return [];
    const best: Interval = [first[0], first[1]];
    const overlap = Math.max(...windows.map((window) => iou(best, window)));
    return [
      {
        quality: overlap,
        title: query,
        lines: [`first window ${best[0]} to ${best[1]} s, IoU ${overlap.toFixed(2)}`],
        video: vid,
        time: middle(best),
        strips: [
          { name: "true", spans: windows.map(([start, end]) => span(start, end, "window", 1)) },
          { name: "predicted", spans: [span(...best, "first", 2)] },
        ],
        length: duration,
      },
    ];
  });
}
