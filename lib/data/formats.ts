import { join } from "node:path";
import { readCC3M } from "./cc3m.js";
import { readCoin } from "./coin.js";
import { readCrossTaskSteps } from "./crosstask.js";
import { crossTaskFiles, selectCrossTaskVideos } from "./crosstask_videos.js";
import { readDidemo } from "./didemo.js";
import { deduplicateCaptions } from "./deduplicate.js";
import { readHowTo100MCaptions } from "./howto100m.js";
import { fileError } from "./json_file.js";
import { readMsrvttPairs, readMsrvttSentences } from "./msrvtt.js";
import { readPlain } from "./plain.js";
import { readQVHighlights } from "./qvhighlights.js";
import { type ReadOptions, sortCaptions, type VideoRecord } from "./record.js";
import { readWebVid } from "./webvid.js";
import { readYouCook2 } from "./youcook2.js";

export interface DatasetOptions extends ReadOptions {
  /** Only videos of this subset (YouCook2: training, validation; COIN: training, testing). */
  subset?: string | undefined;
  /**
   * Removes the repetitions of rolling captions: by the longest run of whole words that two captions share (`longest`,
   * or true), or as in MMPT (`shortest-prefix`); see {@link deduplicateCaptions}. Default: `longest` for HowTo100M.
   */
  deduplicate?: boolean | "longest" | "shortest-prefix" | undefined;
}

/** A published dataset and the file it is read from. */
export interface DatasetFormat {
  name: string;
  file: string;
  /** Options that not all formats have. */
  takes?: readonly ("subset" | "deduplicate")[] | undefined;
  read(file: string, options: DatasetOptions): AsyncIterable<VideoRecord>;
}

/** End of captions of a video of unknown length; the features give the real end. */
const WHOLE = Number.MAX_SAFE_INTEGER;

async function* coin(file: string, { subset }: DatasetOptions): AsyncGenerator<VideoRecord> {
  for (const { video, duration, steps, task, subset: split } of await readCoin(file, subset)) {
    const captions = steps.map(({ segment, text }) => ({ start: segment[0], end: segment[1], text }));
    yield { video, duration, captions: sortCaptions(captions), split, extra: { task } };
  }
}

async function* didemo(file: string): AsyncGenerator<VideoRecord> {
  for (const { id, video, text, times, chunks } of await readDidemo(file)) {
    // the moment with the most votes of annotators; among equal ones the first
    const votes = (time: [number, number]) => times.filter((t) => t.join() === time.join()).length;
    const [first, last] = times.reduce((best, time) => (votes(time) > votes(best) ? time : best));
    const captions = [{ start: 5 * first, end: 5 * (last + 1), text }];
    yield { video, captions, duration: 5 * chunks, extra: { annotation: id } };
  }
}

async function* msrvtt(file: string): AsyncGenerator<VideoRecord> {
  const rows = file.endsWith(".json") ? await readMsrvttSentences(file) : await readMsrvttPairs(file);
  const videos = new Map<string, VideoRecord>();
  for (const { video, text } of rows) {
    const record = videos.get(video) ?? { video, captions: [] };
    record.captions.push({ start: 0, end: WHOLE, text });
    videos.set(video, record);
  }
  yield* videos.values();
}

async function* crosstask(folder: string, { skips }: DatasetOptions): AsyncGenerator<VideoRecord> {
  const tasks = crossTaskFiles(folder);
  if (tasks.length === 0) throw fileError(folder, "", "no tasks_primary.txt or tasks_related.txt in it");
  const onUnlisted = (file: string) => skips.add("a video of a task that is not listed", file);
  const videos = await selectCrossTaskVideos({ tasks, annotations: join(folder, "annotations"), onUnlisted });
  for (const { task, video, file } of videos) {
    const captions: VideoRecord["captions"] = [];
    for (const { step, start, end } of await readCrossTaskSteps(file)) {
      const text = task.steps[step - 1];
      if (text === undefined) skips.add("a step that its task does not have", `${file}: step ${step}`);
      else captions.push({ start, end, text });
    }
    yield { video, captions: sortCaptions(captions), extra: { task: task.id } };
  }
}

async function* howto100m(file: string, options: DatasetOptions): AsyncGenerator<VideoRecord> {
  for await (const record of readHowTo100MCaptions(file, options)) {
    const { deduplicate = true } = options;
    const rule = deduplicate === true ? "longest" : deduplicate;
    if (rule !== false) record.captions = deduplicateCaptions(record.captions, record.video, { rule });
    yield record;
  }
}

/** The formats of `videoclip data`, each in the file that its authors publish. */
export const DATASET_FORMATS: readonly DatasetFormat[] = [
  { name: "howto100m", file: "raw_caption.json", takes: ["deduplicate"], read: howto100m },
  { name: "youcook2", file: "youcookii_annotations_trainval.json", takes: ["subset"], read: readYouCook2 },
  { name: "webvid", file: "results_2M_train.csv", read: readWebVid },
  { name: "cc3m", file: "Train_GCC-training.tsv", read: readCC3M },
  { name: "qvhighlights", file: "highlight_train_release.jsonl", read: readQVHighlights },
  { name: "msrvtt", file: "MSRVTT_data.json or MSRVTT_JSFUSION_test.csv", read: msrvtt },
  { name: "coin", file: "COIN.json", takes: ["subset"], read: coin },
  { name: "crosstask", file: "the folder crosstask_release (tasks_*.txt, annotations/)", read: crosstask },
  { name: "didemo", file: "train_data.json", read: didemo },
  { name: "jsonl", file: "lines {video or features, start, end, text}", read: readPlain },
];

/** A format by its name. */
export function datasetFormat(name: string): DatasetFormat | undefined {
  return DATASET_FORMATS.find((format) => format.name === name);
}
