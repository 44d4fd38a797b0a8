import { join } from "node:path";
import { readJsonEntries } from "./json_entries.js";
import { type Caption, cleanCaption, type ReadOptions, sortCaptions, type VideoRecord } from "./record.js";
import { readTable } from "./table.js";

/** A row of HowTo100M_v1.csv. */
export interface HowTo100MVideo {
  video: string;
  category: string;
  subcategory: string;
  rank: number;
  task: string;
  /** Path of the features, in the packaging that has this column. */
  path?: string | undefined;
}

/** Reads HowTo100M_v1.csv (Miech et al. 2019). */
export async function* readHowTo100MVideos(file: string, signal?: AbortSignal): AsyncGenerator<HowTo100MVideo> {
  for await (const { value } of readTable(file, { required: ["video_id"], signal })) {
    yield {
      video: value.video_id,
      category: value.category_1 ?? "",
      subcategory: value.category_2 ?? "",
      rank: Number(value.rank ?? Number.NaN),
      task: value.task_id ?? "",
      path: value.path,
    };
  }
}

/**
 * Reads raw_caption.json or caption.json, one video at a time: an object from video id to parallel lists start, end,
 * text. Captions that are not strings (the published file has NaN) or have no times are counted and left out.
 */
export async function* readHowTo100MCaptions(
  file: string,
  { skips, signal }: ReadOptions,
): AsyncGenerator<VideoRecord> {
  for await (const { key, value, byte } of readJsonEntries(file, { signal })) {
    const where = `${file}: ${key} (byte ${byte})`;
    const { start, end, text } = (value ?? {}) as Record<string, unknown>;
    if (!Array.isArray(start) || !Array.isArray(end) || !Array.isArray(text)) {
      skips.add("a video without the lists start, end and text", where);
      continue;
    }
    if (start.length !== text.length || end.length !== text.length) {
      skips.add("lists of different lengths", where);
      continue;
    }
    const captions: Caption[] = [];
    text.forEach((item, i) => {
      const caption = cleanCaption(start[i], end[i], item);
      if (typeof caption === "string") skips.add(caption, `${where}, caption ${i}`);
      else captions.push(caption);
    });
    yield { video: key, captions: sortCaptions(captions) };
  }
}

/** Reads `{video_id}.csv` (start, end, text), the packaging of MIL-NCE. */
export async function readHowTo100MCsv(
  folder: string,
  video: string,
  { skips, signal }: ReadOptions,
): Promise<VideoRecord> {
  const file = join(folder, `${video}.csv`);
  const captions: Caption[] = [];
  for await (const { value, line } of readTable(file, { required: ["start", "end", "text"], signal })) {
    const caption = cleanCaption(Number(value.start || Number.NaN), Number(value.end || Number.NaN), value.text);
    if (typeof caption === "string") skips.add(caption, `${file}:${line}`);
    else captions.push(caption);
  }
  return { video, captions: sortCaptions(captions) };
}
