import { Fields } from "../data/fields.js";
import { readJsonLines } from "../data/jsonl.js";
import { DatasetError } from "../base/errors.js";
import type { Interval } from "./intervals.js";

/** A query of QVHighlights with its annotations (highlight_{train,val}_release.jsonl, highlight_test_with_gt.jsonl). */
export interface MomentTruth {
  qid: number;
  vid: string;
  query: string;
  /** Seconds. */
  duration: number;
  relevant_windows: Interval[];
  /**
   * Indices of 2-second clips; absent in data sets with moments only (Charades-STA, ActivityNet, TACoS in this format).
   */
  relevant_clip_ids?: number[] | undefined;
  /** Three annotators' scores, 0 to 4, of each relevant clip; absent with the others. */
  saliency_scores?: number[][] | undefined;
}

/** A line of a submission. Either of the two predictions may be absent, in all lines or in none. */
export interface MomentPrediction {
  qid: number;
  /** `[start, end, score]` in seconds, best first. */
  pred_relevant_windows?: number[][] | undefined;
  /** One score per 2-second clip. */
  pred_saliency_scores?: number[] | undefined;
}

/** Length of the clips of saliency scores, in seconds. */
export const CLIP_SECONDS = 2;

/** Reads ground truth; saliency may be absent, in all lines or in none. @throws DatasetError with file and line */
export async function readMomentTruth(file: string): Promise<MomentTruth[]> {
  const rows: MomentTruth[] = [];
  for await (const line of readJsonLines(file)) {
    const fields = new Fields(line);
    if (!fields.has("relevant_windows")) {
      throw fields.problem(
        "it has no relevant_windows: ground truth is expected, and test sets are published without it",
      );
    }
    const windows = fields.rows("relevant_windows", 2);
    const row: MomentTruth = {
      qid: fields.integer("qid"),
      vid: fields.string("vid"),
      query: fields.string("query"),
      duration: fields.number("duration"),
      relevant_windows: windows.map(([start, end]) => [start, end]),
      ...saliency(fields),
    };
    if (windows.length === 0) throw fields.error("relevant_windows", "at least one window");
    if (windows.some(([start, end]) => end < start)) {
      throw fields.error("relevant_windows", "windows that end after they start");
    }
    if (!!row.saliency_scores !== !!(rows[0] ?? row).saliency_scores) {
      throw fields.error("saliency_scores", "saliency in every line or in none");
    }
    rows.push(row);
  }
  return unique(rows, file);
}

/** The relevant clips with their scores, if the line has them. */
function saliency(fields: Fields): Pick<MomentTruth, "relevant_clip_ids" | "saliency_scores"> {
  if (!fields.has("relevant_clip_ids") && !fields.has("saliency_scores")) return {};
  const relevant_clip_ids = fields.numbers("relevant_clip_ids");
  const saliency_scores = fields.rows("saliency_scores", 1);
  const duration = fields.number("duration");
  const clips = Math.floor(duration / CLIP_SECONDS);
  if (relevant_clip_ids.some((id) => !Number.isInteger(id) || id < 0 || id >= clips)) {
    throw fields.error("relevant_clip_ids", `integers below ${clips} (the clips of ${duration} s)`);
  }
  const [first] = saliency_scores;
  if (
    saliency_scores.length !== relevant_clip_ids.length ||
    saliency_scores.some((scores) => scores.length !== first.length)
  ) {
    throw fields.error("saliency_scores", "as many scores per relevant clip as there are annotators");
  }
  return { relevant_clip_ids, saliency_scores };
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
