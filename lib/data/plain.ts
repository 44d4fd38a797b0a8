import type { DatasetError } from "../base/errors.js";
import { Fields } from "./fields.js";
import { readJsonLines } from "./jsonl.js";
import { cleanCaption, type ReadOptions, type VideoRecord } from "./record.js";

/**
 * Reads lines `{"video" or "features": path, "start", "end", "text"}`. Consecutive lines of one video are one record.
 * Times are seconds; without them the text describes the whole video. Lines that are not JSON objects are counted and
 * left out.
 */
export async function* readPlain(file: string, { skips, signal }: ReadOptions): AsyncGenerator<VideoRecord> {
  let record: VideoRecord | undefined;
  const broken = (error: DatasetError) => skips.add("a line that is no JSON object", error.message);
  for await (const line of readJsonLines(file, signal, broken)) {
    const fields = new Fields(line);
    const source = fields.has("features") ? "features" : "video";
    const video = fields.string(source);
    const whole = !fields.has("start") && !fields.has("end");
    const caption = whole
      ? cleanCaption(0, Number.MAX_SAFE_INTEGER, line.value.text)
      : cleanCaption(line.value.start, line.value.end, line.value.text);
    if (typeof caption === "string") {
      skips.add(caption, `${file}:${line.line}`);
      continue;
    }
    if (record && record.video !== video) {
      yield record;
      record = undefined;
    }
    record ??= { video, captions: [], path: video, extra: { source } };
    record.captions.push(caption);
  }
  if (record) yield record;
}
