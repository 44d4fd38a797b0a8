import { Fields } from "../data/fields.js";
import { readJsonLines } from "../data/jsonl.js";
import { DatasetError } from "../errors.js";
import type { Interval } from "./intervals.js";

/** A query of QVHighlights with its annotations (highlight_{train,val}_release.jsonl, highlight_test_with_gt.jsonl). */
export interface MomentTruth {
  qid: number;
  vid: string;
  query: string;
  /** Seconds. */
  duration: number;
  relevant_windows: Interval[];
  /** Indices of 2-second clips. */
  relevant_clip_ids: number[];
  /** Three annotators' scores, 0 to 4, of each relevant clip. */
  saliency_scores: number[][];
}

/** A line of a submission. Either of the two predictions may be absent, in all lines or in none. */
export interface MomentPrediction {
  qid: number;
  /** `[start, end, score]` in seconds, best first. */
  pred_relevant_windows?: number[][] | undefined;
  /** One score per 2-second clip. */
  pred_saliency_scores?: number[] | undefined;
}

/** Length of the clips that saliency is given for, in seconds. */
export const CLIP_SECONDS = 2;

/** Reads ground truth. @throws DatasetError with file and line */
export async function readMomentTruth(file: string): Promise<MomentTruth[]> {
  const rows: MomentTruth[] = [];
  for await (const line of readJsonLines(file)) {
    const fields = new Fields(line);
    const windows = fields.rows("relevant_windows", 2);
    const row: MomentTruth = {
      qid: fields.integer("qid"),
      vid: fields.string("vid"),
      query: fields.string("query"),
      duration: fields.number("duration"),
      relevant_windows: windows.map(([start, end]) => [start, end]),
      relevant_clip_ids: fields.numbers("relevant_clip_ids"),
      saliency_scores: fields.rows("saliency_scores", 1),
    };
    const clips = Math.floor(row.duration / CLIP_SECONDS);
    if (windows.length === 0) throw fields.error("relevant_windows", "at least one window");
    if (row.relevant_clip_ids.some((id) => !Number.isInteger(id) || id < 0 || id >= clips)) {
      throw fields.error("relevant_clip_ids", `integers below ${clips} (the clips of ${row.duration} s)`);
    }
    const [first] = row.saliency_scores;
    if (
      row.saliency_scores.length !== row.relevant_clip_ids.length ||
      row.saliency_scores.some((scores) => scores.length !== first.length)
    ) {
      throw fields.error("saliency_scores", "as many scores per relevant clip as there are annotators");
    }
    rows.push(row);
  }
  return unique(rows, file);
}

/** Reads a submission. @throws DatasetError with file and line */
export async function readMomentPredictions(file: string): Promise<MomentPrediction[]> {
  const rows: MomentPrediction[] = [];
  for await (const line of readJsonLines(file)) {
    const fields = new Fields(line);
    const row: MomentPrediction = { qid: fields.integer("qid") };
    if (fields.has("pred_relevant_windows")) {
      row.pred_relevant_windows = fields.rows("pred_relevant_windows", 3);
      if (row.pred_relevant_windows.length === 0) throw fields.error("pred_relevant_windows", "at least one window");
    }
    if (fields.has("pred_saliency_scores")) {
      row.pred_saliency_scores = fields.numbers("pred_saliency_scores");
      if (row.pred_saliency_scores.length === 0) throw fields.error("pred_saliency_scores", "at least one score");
    }
    const kinds = [row, rows[0] ?? row].map((r) => `${!!r.pred_relevant_windows} ${!!r.pred_saliency_scores}`);
    if (kinds[0] === "false false") throw fields.error("pred_relevant_windows", "windows, saliency scores or both");
    if (kinds[0] !== kinds[1]) throw fields.error("pred_relevant_windows", "the same predictions in every line");
    rows.push(row);
  }
  return unique(rows, file);
}

function unique<T extends { qid: number }>(rows: T[], file: string): T[] {
  const seen = new Set<number>();
  for (const { qid } of rows) {
    if (seen.has(qid)) throw new DatasetError("ERR_DATASET", `${file}: qid ${qid} is there twice`, { file });
    seen.add(qid);
  }
  if (rows.length === 0) throw new DatasetError("ERR_DATASET", `${file}: no lines`, { file });
  return rows;
}
