import { asList, asObject, fileError, readJson } from "./json_file.js";

/** A video of COIN (Tang et al. 2019) and its annotated steps. */
export interface CoinVideo {
  video: string;
  subset: string;
  /** Seconds. */
  duration: number;
  task: number;
  /** Labels are 1 to 778. */
  steps: { label: number; text: string; segment: [number, number] }[];
}

/** Reads COIN.json. @param subset only videos of it: `training` or `testing` */
export async function readCoin(file: string, subset?: string): Promise<CoinVideo[]> {
  const { database } = asObject(await readJson(file), file, "");
  const videos = Object.entries(asObject(database, file, "database")).map(([video, value]) => {
    const where = `database.${video}`;
    const entry = asObject(value, file, where);
    const duration = Number(entry.duration);
    if (!(duration > 0)) throw fileError(file, `${where}.duration`, `expected seconds, received ${entry.duration}`);
    const steps = asList(entry.annotation, file, `${where}.annotation`).map((item, i) =>
      step(asObject(item, file, `${where}.annotation[${i}]`), file, `${where}.annotation[${i}]`),
    );
    return { video, subset: String(entry.subset), duration, task: Number(entry.recipe_type), steps };
  });
  return videos.filter((v) => subset === undefined || v.subset === subset);
}

function step(entry: Record<string, unknown>, file: string, where: string): CoinVideo["steps"][number] {
  const label = Number(entry.id);
  if (!Number.isInteger(label) || label < 1) {
    throw fileError(file, `${where}.id`, `expected a positive integer, received ${JSON.stringify(entry.id)}`);
  }
  const segment = asList(entry.segment, file, `${where}.segment`).map(Number);
  if (segment.length !== 2 || !(segment[1] >= segment[0])) {
    throw fileError(file, `${where}.segment`, `expected start and end, received ${JSON.stringify(entry.segment)}`);
  }
  return { label, text: String(entry.label), segment: [segment[0], segment[1]] };
}
