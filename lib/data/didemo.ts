import { asList, asObject, fileError, readJson } from "./json_file.js";

/** A description of DiDeMo (Hendricks et al. 2017) and the moments that annotators chose for it. */
export interface DidemoQuery {
  id: number;
  video: string;
  text: string;
  /** First and last 5-second chunk, both inclusive. */
  times: [number, number][];
  /** Number of chunks of the video: 5 or 6. */
  chunks: number;
}

/** Reads train_data.json, val_data.json or test_data.json. */
export async function readDidemo(file: string): Promise<DidemoQuery[]> {
  return asList(await readJson(file), file, "").map((value, i) => {
    const where = `[${i}]`;
    const entry = asObject(value, file, where);
    const times = asList(entry.times, file, `${where}.times`).map((time) => {
      const [first, last] = asList(time, file, `${where}.times`).map(Number);
      if (!Number.isInteger(first) || !Number.isInteger(last) || first < 0 || last < first) {
        throw fileError(file, `${where}.times`, `expected [first, last] chunks, received ${JSON.stringify(time)}`);
      }
      return [first, last] as [number, number];
    });
    if (times.length === 0) throw fileError(file, `${where}.times`, "expected at least one moment");
    if (typeof entry.description !== "string") throw fileError(file, `${where}.description`, "expected a string");
    return {
      id: Number(entry.annotation_id),
      video: String(entry.video),
      text: entry.description,
      times,
      chunks: Number(entry.num_segments ?? 6),
    };
  });
}
