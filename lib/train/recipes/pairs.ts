import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type FeatureFolder, readFeatureMatrix } from "../../data/feature_folder.js";
import { Fields } from "../../data/fields.js";
import { readJsonLines } from "../../data/jsonl.js";
import { clipFeatures } from "../../models/videoclip/clip_features.js";
import { readFeatures, type VideoFeatures } from "../../models/videoclip/videoclip_input.js";
import type { VideoClipConfig } from "../../models/videoclip/videoclip_config.js";
import { npyShape } from "../../weights/read_npy.js";

/** A line of a file of pairs: the features of a video, and a text or the ids of its word pieces. */
export interface PairLine {
  /** Reads the features `[T, featureSize]`, of the seconds that the line names. */
  video(): VideoFeatures;
  text: string | readonly number[];
}

/**
 * Reads lines `{"features": "file.npy", "text": "a sentence" or [ids]}`, paths relative to the file, or lines
 * `{"video": name, ...}` of a folder of features, as `videoclip data pack jsonl` reads them. `start` and `end` are the
 * seconds that the text describes; without them it describes the whole video. Features are read when they are needed.
 * @throws DatasetError with file, line and field
 */
export async function readPairs(
  file: string,
  { featureSize }: Pick<VideoClipConfig, "featureSize">,
  folder?: FeatureFolder,
): Promise<PairLine[]> {
  const lines: PairLine[] = [];
  for await (const line of readJsonLines(file)) {
    const fields = new Fields(line);
    const path = featuresOf(fields, dirname(file), folder);
    const shape = npyShape(path);
    if (shape.length !== 2 || shape[1] !== featureSize) {
      throw fields.problem(`${path}: expected features [T, ${featureSize}], received [${shape.join(", ")}]`);
    }
    const seconds = secondsOf(fields, shape[0]);
    const text = textOf(fields);
    const index = lines.length;
    lines.push({
      text,
      video: () => {
        const whole = readFeatures(readFeatureMatrix(path), index, { featureSize });
        return seconds ? clipFeatures(whole, ...seconds) : whole;
      },
    });
  }
  return lines;
}

/** The file with the features of a line. */
function featuresOf(fields: Fields, base: string, folder: FeatureFolder | undefined): string {
  if (fields.has("features")) {
    const path = resolve(base, fields.string("features"));
    if (existsSync(path)) return path;
    throw fields.problem(`features: there is no file ${path}`);
  }
  if (!fields.has("video")) {
    throw fields.error("features", "the path of a .npy file, or video, a name in the folder data.features");
  }
  const video = fields.string("video");
  if (!folder) {
    throw fields.problem(
      `video: lines that name a video need data.features in the run file, the folder with its features; ` +
        `or name the file itself: "features": "${video}.npy"`,
    );
  }
  const path = folder.path(video);
  if (path !== undefined) return path;
  throw fields.problem(`video: ${folder.folder} has no features of ${video}`);
}

/** The seconds of a line, within its features; a video may end within a second that has no features. */
function secondsOf(fields: Fields, rows: number): [number, number] | undefined {
  if (!fields.has("start") && !fields.has("end")) return undefined;
  const [start, end] = [fields.number("start"), fields.number("end")];
  if (start < 0 || start >= rows) throw fields.error("start", `0 to below ${rows}, the seconds of its features`);
  if (end <= start || end > rows + 1) throw fields.error("end", `above start, at most ${rows}, the seconds of its features`); // prettier-ignore
  return [start, end];
}

function textOf(fields: Fields): string | number[] {
  const { text } = fields.record.value;
  if (typeof text === "string" && text.trim() !== "") return text;
  if (Array.isArray(text) && text.every((id) => Number.isInteger(id))) return text as number[];
  throw fields.error("text", "a sentence or a list of ids");
}
