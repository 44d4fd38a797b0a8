import { readCoin } from "../data/coin.js";
import { listCrossTaskAnnotations, readCrossTaskSteps } from "../data/crosstask.js";
import { readDidemo } from "../data/didemo.js";
import { Fields } from "../data/fields.js";
import { asList, fileError, readJson } from "../data/json_file.js";
import { type Line, lineError, readJsonLines, readLines } from "../data/jsonl.js";
import { readMsrvttQuestions } from "../data/msrvtt.js";
import { DatasetError } from "../errors.js";
import { readNpy } from "../weights/read_npy.js";
import { ByteFile } from "../weights/tensor.js";
import { type Chunks, type DidemoMetrics, didemoMetrics } from "./didemo.js";
import { type StepMetrics, stepMetrics } from "./localisation.js";
import { type ChoiceMetrics, choiceMetrics } from "./multiple_choice.js";
import { type RetrievalMetrics, retrievalMetrics, type RetrievalOptions } from "./retrieval.js";
import { secondLabels, type SegmentationMetrics, segmentationMetrics } from "./segmentation.js";
import { isArrayOf } from "../typed_arrays.js";

/** Lines of a submission by a key; each key once. @internal */
export async function byKey(file: string, key: (fields: Fields) => string): Promise<Map<string, Fields>> {
  const found = new Map<string, Fields>();
  for await (const line of readJsonLines(file) as AsyncIterable<Line<Record<string, unknown>>>) {
    const fields = new Fields(line);
    const name = key(fields);
    if (found.has(name)) throw lineError(file, line.line, `${name} is there twice`);
    found.set(name, fields);
  }
  return found;
}

/** Every item of the truth with its line; DatasetError when the two do not hold the same items. @internal */
export function match<T>(truth: readonly T[], name: (item: T) => string, lines: Map<string, Fields>, file: string) {
  const missing = truth.map(name).filter((key) => !lines.has(key));
  const known = new Set(truth.map(name));
  const extra = [...lines.keys()].filter((key) => !known.has(key));
  if (missing.length > 0 || extra.length > 0) {
    const list = (keys: string[]) => (keys.length > 0 ? `${keys.length} (${keys.slice(0, 3).join(", ")} ...)` : "0");
    throw new DatasetError(
      "ERR_DATASET",
      `${file}: expected one line for each of ${truth.length}; missing: ${list(missing)}, unknown: ${list(extra)}`,
      { file, expected: truth.length, received: lines.size },
    );
  }
  return truth.map((item) => ({ item, fields: lines.get(name(item))! }));
}

/** A similarity matrix `[queries, candidates]` (.npy). @throws DatasetError for anything else */
export function readSimilarity(path: string): { values: Float64Array; shape: [number, number] } {
  const file = new ByteFile(path);
  try {
    const { shape, data } = readNpy(file);
    if (shape.length === 2 && isArrayOf("Float64Array", data)) return { values: data, shape: [shape[0], shape[1]] };
    throw fileError(path, "", `expected numbers [queries, candidates], received [${shape.join(", ")}]`);
  } finally {
    file.close();
  }
}

/**
 * Text-to-video retrieval from a similarity matrix `[queries, candidates]` (.npy).
 * @param truth text file: line i has the columns relevant to row i (default: column i)
 */
export async function scoreRetrieval(
  similarity: string,
  truth: string | undefined,
  options: Omit<RetrievalOptions, "truth">,
): Promise<RetrievalMetrics> {
  const { values, shape } = readSimilarity(similarity);
  let columns: number[][] | undefined;
  if (truth) {
    columns = [];
    for await (const { value, line } of readLines(truth)) {
      const row = value
        .trim()
        .split(/[\s,]+/)
        .map(Number);
      if (row.some((column) => !Number.isInteger(column))) {
        throw lineError(truth, line, `expected columns, received ${value.slice(0, 40)}`);
      }
      columns.push(row);
    }
  }
  return retrievalMetrics(values, shape, { ...options, truth: columns });
}

/** MSR-VTT multiple choice: MSR_MC_test.csv against lines `{"vid_key", "answer"}` or `{"vid_key", "scores": [5]}`. */
export async function scoreChoices(truth: string, predictions: string): Promise<ChoiceMetrics> {
  const lines = await byKey(predictions, (fields) => fields.string("vid_key"));
  const pairs = match(await readMsrvttQuestions(truth), (question) => question.key, lines, predictions);
  return choiceMetrics(
    pairs.map(({ item, fields }) => {
      if (!fields.has("scores")) return { answer: item.answer, predicted: fields.integer("answer") };
      const scores = fields.numbers("scores");
      if (scores.length !== item.choices.length) throw fields.error("scores", `${item.choices.length} scores`);
      return { answer: item.answer, predicted: scores };
    }),
  );
}

/** COIN: COIN.json (testing) against lines `{"video", "labels": [class of each second, 0 is background]}`. */
export async function scoreCoin(truth: string, predictions: string): Promise<SegmentationMetrics> {
  const lines = await byKey(predictions, (fields) => fields.string("video"));
  const pairs = match(await readCoin(truth, "testing"), (video) => video.video, lines, predictions);
  return segmentationMetrics(
    pairs.map(({ item, fields }) => {
      const predicted = fields.numbers("labels");
      // one row of features a second: the last, incomplete second may have one or not
      if (Math.abs(predicted.length - item.duration) >= 2) {
        throw fields.error("labels", `a class for each of about ${Math.round(item.duration)} s`);
      }
      return { truth: secondLabels(item.steps, predicted.length), predicted };
    }),
  );
}

/** CrossTask: the folder of annotations against lines `{"task", "video", "seconds": [one per step of the task]}`. */
export async function scoreCrossTask(annotations: string, predictions: string): Promise<StepMetrics> {
  const lines = await byKey(predictions, (fields) => `${fields.string("task")}_${fields.string("video")}`);
  const all = await listCrossTaskAnnotations(annotations);
  // the folder holds the videos of every split: those that are predicted are scored
  const truth = all.filter(({ task, video }) => lines.has(`${task}_${video}`));
  const pairs = match(truth, ({ task, video }) => `${task}_${video}`, lines, predictions);
  return stepMetrics(
    await Promise.all(
      pairs.map(async ({ item, fields }) => {
        const steps = await readCrossTaskSteps(item.file);
        const predicted = fields.numbers("seconds");
        const most = Math.max(0, ...steps.map(({ step }) => step));
        if (predicted.length < most) throw fields.error("seconds", `a second for each step, at least ${most}`);
        return {
          task: item.task,
          truth: steps.map(({ step, start, end }) => [step - 1, Math.floor(start), Math.ceil(end)] as const),
          predicted,
        };
      }),
    ),
  );
}

/**
 * DiDeMo: test_data.json against its submission format, a JSON list with one list of ranked `[first, last]` chunks per
 * entry of the truth, in its order; or lines `{"annotation_id", "segments"}`.
 */
export async function scoreDidemo(truth: string, predictions: string): Promise<DidemoMetrics> {
  const queries = await readDidemo(truth);
  if (/\.jsonl(\.gz)?$/.test(predictions)) {
    const lines = await byKey(predictions, (fields) => `${fields.integer("annotation_id")}`);
    return didemoMetrics(
      match(queries, ({ id }) => `${id}`, lines, predictions).map(({ item, fields }) => {
        const rows = fields.rows("segments", 2);
        if (rows.length === 0) throw fields.error("segments", "at least one moment");
        return { times: item.times, predicted: rows.map(([first, last]) => [first, last] as Chunks) };
      }),
    );
  }
  const lists = asList(await readJson(predictions), predictions, "");
  if (lists.length !== queries.length) {
    throw fileError(predictions, "", `expected ${queries.length} lists of moments, received ${lists.length}`);
  }
  return didemoMetrics(
    queries.map(({ times }, i) => {
      const predicted = asList(lists[i], predictions, `[${i}]`).map((pair) => {
        const [first, last] = asList(pair, predictions, `[${i}]`).map(Number);
        if (!Number.isInteger(first) || !Number.isInteger(last)) {
          throw fileError(predictions, `[${i}]`, `expected [first, last] chunks, received ${JSON.stringify(pair)}`);
        }
        return [first, last] as Chunks;
      });
      if (predicted.length === 0) throw fileError(predictions, `[${i}]`, "expected at least one moment");
      return { times, predicted };
    }),
  );
}
