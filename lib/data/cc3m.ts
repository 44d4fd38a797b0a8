import { lineError } from "./jsonl.js";
import { cleanCaption, type ReadOptions, type VideoRecord } from "./record.js";
import { readTable } from "./table.js";

/**
 * Reads Train_GCC-training.tsv or Validation_GCC-1.1.0-Validation.tsv (Sharma et al. 2018): caption and url, without a
 * header (a first line "caption, url" is recognised as one). An image is a clip of one second; its name is its line
 * number with nine digits, as img2dataset writes them.
 */
export async function* readCC3M(file: string, { skips, signal }: ReadOptions): AsyncGenerator<VideoRecord> {
  let index = 0;
  const rows = readTable(file, { delimiter: "\t", columns: ["caption", "url"], plainQuotes: true, signal });
  for await (const { value, line } of rows) {
    if (index === 0 && line === 1 && value.caption === "caption" && value.url === "url") continue;
    if (!/^https?:/.test(value.url)) throw lineError(file, line, `url: expected an address, received ${value.url}`);
    const video = String(index++).padStart(9, "0");
    const caption = cleanCaption(0, 1, value.caption);
    if (typeof caption === "string") skips.add(caption, `${file}:${line}`);
    else yield { video, captions: [caption], duration: 1, image: true, extra: { url: value.url } };
  }
}
