import { asList, asObject, fileError, readJson } from "./json_file.js";
import { lineError } from "./jsonl.js";
import { readTable } from "./table.js";

/** A video and a sentence that describes it. */
export interface CaptionedVideo {
  video: string;
  text: string;
}

/** Reads MSRVTT_JSFUSION_test.csv: one sentence for each of 1,000 videos; text i belongs to video i. */
export async function readMsrvttPairs(file: string): Promise<CaptionedVideo[]> {
  const rows: CaptionedVideo[] = [];
  for await (const { value } of readTable(file, { required: ["video_id", "sentence"] })) {
    rows.push({ video: value.video_id, text: value.sentence });
  }
  return rows;
}

/** Reads the videos of a split: MSRVTT_train.csv, MSRVTT_FULL_test.csv (column video_id). */
export async function readMsrvttSplit(file: string): Promise<string[]> {
  const videos: string[] = [];
  for await (const { value } of readTable(file, { required: ["video_id"] })) videos.push(value.video_id);
  return videos;
}

/** Reads the sentences of MSRVTT_data.json, about 20 a video. */
export async function readMsrvttSentences(file: string): Promise<CaptionedVideo[]> {
  const { sentences } = asObject(await readJson(file), file, "");
  return asList(sentences, file, "sentences").map((value, i) => {
    const { video_id: video, caption } = asObject(value, file, `sentences[${i}]`);
    if (typeof video !== "string" || typeof caption !== "string") {
      throw fileError(file, `sentences[${i}]`, "expected the strings video_id and caption");
    }
    return { video, text: caption };
  });
}

/** A multiple-choice question: five sentences, one of which describes the video. */
export interface MsrvttQuestion {
  key: string;
  video: string;
  choices: string[];
  /** Index of the right sentence, from 0. */
  answer: number;
}

/** Reads MSR_MC_test.csv: tab-separated vid_key, a1 to a5, answer. */
export async function readMsrvttQuestions(file: string): Promise<MsrvttQuestion[]> {
  const names = ["a1", "a2", "a3", "a4", "a5"];
  const rows: MsrvttQuestion[] = [];
  for await (const { value, line } of readTable(file, {
    delimiter: "\t",
    required: ["vid_key", ...names, "answer"],
    plainQuotes: true,
  })) {
    const answer = Number(value.answer);
    if (!Number.isInteger(answer) || answer < 0 || answer >= names.length) {
      throw lineError(file, line, `answer: expected 0 to 4, received ${value.answer}`);
    }
    const key = value.vid_key;
    rows.push({ key, video: key.replace("msr", "video"), choices: names.map((name) => value[name]), answer });
  }
  return rows;
}
