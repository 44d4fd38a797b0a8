import { InvalidArgumentError } from "../base/errors.js";
import { suggestion } from "../base/suggest.js";
import { DATASET_FORMATS, type DatasetFormat, type DatasetOptions, datasetFormat } from "./formats.js";
import type { VideoRecord } from "./record.js";
import { listedRecords, readVideoLists, type VideoLists } from "./video_list.js";

export interface ReadDatasetOptions extends DatasetOptions, VideoLists {}

/**
 * Reads a dataset as its authors publish it, video by video, without loading it whole. Unusable records are counted in
 * `options.skips`.
 * @param format one of {@link DATASET_FORMATS}, or its name @param file its file, as published (.gz too)
 * @throws DatasetError with file and line, or when more records are left out than `skips` allows; InvalidArgumentError
 * for an unknown format, or an option that it does not have
 */
export function readDataset(
  format: DatasetFormat | string,
  file: string,
  options: ReadDatasetOptions,
): AsyncGenerator<VideoRecord> {
  return records(formatFor(format, options), file, options);
}

async function* records(format: DatasetFormat, file: string, options: ReadDatasetOptions): AsyncGenerator<VideoRecord> {
  const { only, except, ...reading } = options;
  yield* listedRecords(format.read(file, reading), await readVideoLists({ only, except }));
}

function formatFor(format: DatasetFormat | string, options: ReadDatasetOptions): DatasetFormat {
  const found = typeof format === "string" ? datasetFormat(format) : format;
  if (!found) {
    const names = DATASET_FORMATS.map(({ name }) => name);
    const received = format as string;
    throw new InvalidArgumentError(`format: there is no ${received}${suggestion(received, names)}`, { argument: "format", expected: names, received }); // prettier-ignore
  }
  const stray = (["subset", "deduplicate"] as const).find(
    (option) => options[option] !== undefined && !found.takes?.includes(option),
  );
  if (stray === undefined) return found;
  throw new InvalidArgumentError(`${stray}: ${found.name} has no such option`, {
    argument: stray,
    received: found.name,
  });
}
