import { VideoClipError, DatasetError } from "../../base/errors.js";
import { parseJson } from "../../base/parse_json.js";
import { asBuffer } from "../../weights/as_buffer.js";
import { ByteFile } from "../../weights/byte_file.js";
import { readNpyAt } from "../../weights/read_npy.js";
import { readTar, type TarEntry } from "../../weights/tar.js";
import { type ExtractedFeatures, featuresOf, type VideoFeatureFile } from "../extracted_features.js";

/** Bytes of the facts of a video at most. */
const MAX_FACTS = 1 << 28;

/** The facts of a video in its `KEY.json`; other fields are ignored. */
interface Facts {
  path?: string;
  timestamps?: [number, number][];
  settings: Record<string, unknown>;
}

/**
 * Finds the features in an archive of WebDataset: `KEY.npy` `[clips, dim]` for each video, and `KEY.json` with `path`,
 * `timestamps` and `settings`, each of which may be missing. Only headers and facts are read.
 * @throws DatasetError `ERR_FEATURES` when the archive is broken, or its videos have different settings
 */
export function readWebDataset(path: string): ExtractedFeatures {
  const archive = opened(path);
  try {
    const samples = new Map<string, { npy?: TarEntry; json?: TarEntry }>();
    for (const entry of readTar(archive)) {
      const [, key, ending] = /^((?:.*\/)?[^/.]+)\.([^/]*)$/.exec(entry.name) ?? [];
      if (ending !== "npy" && ending !== "json") continue;
      const sample = samples.get(key) ?? {};
      if (sample[ending]) throw archive.fail(`two entries are named ${JSON.stringify(entry.name)}`, entry.offset);
      sample[ending] = entry;
      samples.set(key, sample);
    }
    const all: ExtractedFeatures = { files: [], broken: [], settings: {} };
    let text: string | undefined;
    for (const [key, { npy, json }] of samples) {
      if (!npy) continue;
      const { path: video = key, timestamps, settings } = json ? factsOf(archive, json) : { settings: {} };
      const own = JSON.stringify(settings);
      text ??= own;
      if (own !== text)
        throw archive.fail(`features of different kinds: ${text} and ${own}`, json?.offset ?? npy.offset);
      all.settings = settings;
      all.files.push(videoOf(path, video, npy, timestamps ? json : undefined));
    }
    return all;
  } catch (error) {
    throw broken(path, error);
  } finally {
    archive.close();
  }
}

/** The time stamps are read from the archive when they are needed. */
function videoOf(path: string, video: string, npy: TarEntry, json: TarEntry | undefined): VideoFeatureFile {
  const timestamps = () => (json ? using(path, (archive) => factsOf(archive, json).timestamps) : undefined);
  return {
    video,
    file: path,
    get timestamps() {
      return timestamps();
    },
    load: async () =>
      using(path, (archive) => featuresOf(archive, readNpyAt(archive, npy.offset, npy.size), timestamps())),
  };
}

function using<T>(path: string, work: (archive: ByteFile) => T): T {
  const archive = opened(path);
  try {
    return work(archive);
  } finally {
    archive.close();
  }
}

function opened(path: string): ByteFile {
  try {
    return new ByteFile(path);
  } catch (error) {
    throw broken(path, error);
  }
}

const isSpan = (value: unknown): boolean =>
  Array.isArray(value) && value.length === 2 && value.every(Number.isFinite) && value[0] <= value[1];

/** @throws WeightsError when the facts are no JSON, or a field has another type */
function factsOf(archive: ByteFile, { name, offset, size }: TarEntry): Facts {
  if (size > MAX_FACTS) throw archive.fail(`${name} has ${size} bytes`, offset);
  let value: unknown;
  try {
    value = parseJson(asBuffer(archive.read(offset, size)).toString("utf8"));
  } catch (error) {
    if (error instanceof VideoClipError) throw error;
    throw archive.fail(`${name} is no JSON`, offset);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw archive.fail(`${name} is no object`, offset);
  const { path, timestamps, settings = {} } = value as Record<string, unknown>;
  const fits =
    (path === undefined || (typeof path === "string" && path !== "")) &&
    (timestamps === undefined || (Array.isArray(timestamps) && timestamps.every(isSpan))) &&
    typeof settings === "object" &&
    settings !== null;
  if (!fits) throw archive.fail(`${name}: expected path, timestamps [[start, end]] and settings`, offset);
  return { path, timestamps, settings } as Facts;
}

function broken(path: string, cause: unknown): unknown {
  if (!(cause instanceof VideoClipError)) return cause;
  return new DatasetError("ERR_FEATURES", cause.message, { ...cause.details, file: path, cause });
}
