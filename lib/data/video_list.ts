import { parse } from "node:path";
import { readLines } from "./jsonl.js";
import type { VideoRecord } from "./record.js";
import { readTable } from "./table.js";

/** Lists that select videos: csv files with a column video_id, or files with one name per line. */
export interface VideoLists {
  /** Only videos of these lists. */
  only?: readonly string[] | undefined;
  /** No videos of these lists. */
  except?: readonly string[] | undefined;
}

/**
 * Names of the videos of a list: the column `video_id` of a csv (MSRVTT_train.csv, MSRVTT_JSFUSION_test.csv), or one
 * name per line, of which the last part of a path is used (how2_s3d_val.lst, YouCook2's `201/GLd3aX16zBg`).
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

/** The names in all lists, or undefined without any. */
async function namesIn(lists: readonly string[] = []): Promise<ReadonlySet<string> | undefined> {
  if (lists.length === 0) return undefined;
  return new Set((await Promise.all(lists.map(readVideoList))).flatMap((names) => [...names]));
}

/**
 * Reads lists. A video that is in one of `only` (without any: every video) and in none of `except` is selected, by its
 * name, by the last part of its path, or by that without its extension.
 * @returns whether an item with one of these names is selected
 * @throws DatasetError as {@link readVideoList}
 */
export async function readVideoLists({ only, except }: VideoLists): Promise<(...names: string[]) => boolean> {
  const [wanted, unwanted] = [await namesIn(only), await namesIn(except)];
  return (...names) => {
    const keys = names.flatMap((item) => [item, parse(item).base, parse(item).name]);
    const listed = (list: ReadonlySet<string>) => keys.some((key) => list.has(key));
    return (wanted === undefined || listed(wanted)) && !(unwanted && listed(unwanted));
  };
}

/** The records of the videos that are selected. */
export async function* listedRecords(
  records: AsyncIterable<VideoRecord>,
  selected: (...names: string[]) => boolean,
): AsyncGenerator<VideoRecord> {
  for await (const record of records) if (selected(record.video)) yield record;
}
