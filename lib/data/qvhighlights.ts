import { Fields } from "./fields.js";
import { readJsonLines } from "./jsonl.js";
import { cleanCaption, type ReadOptions, type Caption, type VideoRecord } from "./record.js";

/**
 * Reads highlight_{train,val,test}_release.jsonl (Lei et al. 2021): each query with its windows as captions. The test
 * release has no windows; its queries describe the whole clip.
 */
export async function* readQVHighlights(file: string, { skips, signal }: ReadOptions): AsyncGenerator<VideoRecord> {
  for await (const line of readJsonLines(file, signal)) {
    const fields = new Fields(line);
    const duration = fields.number("duration");
    const text = fields.string("query");
    const windows = fields.has("relevant_windows") ? fields.rows("relevant_windows", 2) : [[0, duration]];
    const captions: Caption[] = [];
    for (const [start, end] of windows) {
      const caption = cleanCaption(start, end, text);
      if (typeof caption === "string") skips.add(caption, `${file}:${line.line}`);
      else captions.push(caption);
    }
    yield { video: fields.string("vid"), captions, duration, extra: { qid: fields.integer("qid") } };
  }
}
