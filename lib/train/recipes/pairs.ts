import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { lineError, readJsonLines } from "../../data/jsonl.js";
import { readFeatures } from "../../models/videoclip_input.js";
import type { VideoClip } from "../../models/videoclip.js";
import { shuffledBatches } from "../batches.js";
import { contrastiveBatch, type VideoTextPair } from "../tasks/contrastive.js";
import type { TrainingData } from "../task.js";

/** A line of a file of pairs: features `[T, featureSize]` of a video, and a text or the ids of its word pieces. */
export interface PairLine {
  features: string;
  text: string | number[];
}

/**
 * Lines {"features": "video.npy", "text": "a sentence" or [ids]}, paths relative to the file. Features are read when they are
 * needed.
 * @throws DatasetError naming file, line and field
 */
export async function readPairs(file: string): Promise<PairLine[]> {
  const lines: PairLine[] = [];
  for await (const { value, line } of readJsonLines(file)) {
    const { features, text } = value;
    if (typeof features !== "string")
      throw lineError(file, line, `features: expected a path, received ${typeof features}`);
    const ids = Array.isArray(text) && text.every((id) => Number.isInteger(id));
    if (typeof text !== "string" && !ids) throw lineError(file, line, "text: expected a string or a list of ids");
    const path = resolve(dirname(file), features);
    if (!existsSync(path)) throw lineError(file, line, `features: there is no file ${path}`);
    lines.push({ features: path, text: text as string | number[] });
  }
  return lines;
}

/** Word pieces of a text, without its ends. */
export function piecesOf(model: VideoClip, text: string | readonly number[]): readonly number[] {
  return typeof text === "string" ? model.tokenizer!.encode(text).ids.slice(1, -1) : text;
}

/** Batches of the pairs, in a new order every epoch. */
export function pairData(model: VideoClip, lines: readonly PairLine[], size: number, seed: number): TrainingData {
  const order = shuffledBatches(lines.length, size, seed);
  const pair = (index: number): VideoTextPair => ({
    video: readFeatures(lines[index].features, index, model.config),
    text: piecesOf(model, lines[index].text),
  });
  return { batch: (index) => contrastiveBatch(order(index).map(pair), model.config) };
}
