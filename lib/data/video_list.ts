import { parse } from "node:path";
import { readLines } from "./jsonl.js";
import type { VideoRecord } from "./record.js";
import { readTable } from "./table.js";

/**
 * Names of the videos of a list: the column `video_id` of a csv (MSRVTT_train.csv, MSRVTT_JSFUSION_test.csv), else a
 * line each, of which the last part of a path counts (how2_s3d_val.lst, YouCook2's `201/GLd3aX16zBg`).
 * @throws DatasetError for a csv without the column, or a file that cannot be read
 */
export async function readVideoList(file: string): Promise<Set<string>> {
  const names = new Set<string>();
  if (/\.csv(\.gz)?$/.test(file)) {
    for await (const { value } of readTable(file, { required: ["video_id"] })) names.add(value.video_id);
  } else {
    for await (const { value } of readLines(file)) names.add(parse(value.trim()).base);
  }
  return names;
}

/** Records of the videos that are in one of the lists `only` and in none of `except`; without `only`, of all others. */
export async function* listedRecords(
  records: AsyncIterable<VideoRecord>,
  { only, except }: { only?: ReadonlySet<string> | undefined; except?: ReadonlySet<string> | undefined },
): AsyncGenerator<VideoRecord> {
  for await (const record of records) {
    const { name, base } = parse(record.video);
    const listed = (list: ReadonlySet<string>) => [record.video, base, name].some((key) => list.has(key));
    if ((only === undefined || listed(only)) && !(except && listed(except))) yield record;
  }
}
