import type { CoinVideo } from "../../data/coin.js";
import type { CrossTask } from "../../data/crosstask.js";
import type { VideoClip } from "../../models/videoclip.js";
import { orderedAssignment } from "../localisation.js";
import { zeroShotLabels } from "../segmentation.js";
import { checkFeatures, featuresOf, type PredictOptions } from "./options.js";
import { WindowEncoder } from "./window_encoder.js";

/**
 * Step segmentation of COIN. Fine-tuned, the class of a second is the classifier's; zero-shot the label whose text is closest,
 * or the background where no score passes the largest dot product of two labels' texts (MMPT).
 * @param labels class and text of every step; of all videos of the benchmark
 * @param classes of the model's classifier; undefined: zero-shot
 * @returns lines of a submission: `{"video", "labels"}`
 */
export async function predictCoin(
  videos: readonly Pick<CoinVideo, "video">[],
  labels: ReadonlyMap<number, string>,
  options: PredictOptions & { classes?: number },
): Promise<{ video: string; labels: number[] }[]> {
  const { model, features, classes, signal, onProgress } = options;
  checkFeatures(
    videos.map(({ video }) => video),
    features,
  );
  const encoder = new WindowEncoder(model, classes);
  try {
    const zeroShot = classes === undefined ? await labelTexts(model, labels, signal) : undefined;
    const lines: { video: string; labels: number[] }[] = [];
    for (const { video } of videos) {
      const seconds = await encoder.seconds(await featuresOf(video, options), undefined, signal);
      const found = zeroShot ? await zeroShot(seconds) : largest(seconds, classes!);
      lines.push({ video, labels: found });
      onProgress?.({ done: lines.length, total: videos.length });
    }
    return lines;
  } finally {
    encoder.dispose();
  }
}

/** Zero-shot classes of tokens `[seconds, hidden]`. */
async function labelTexts(model: VideoClip, labels: ReadonlyMap<number, string>, signal?: AbortSignal) {
  const ids = [...labels.keys()];
  const texts = await model.encodeText([...labels.values()], { signal });
  const { data: between } = await model.similarity(texts, texts, { signal });
  const threshold = between.reduce(
    (most, score, i) => (i % ids.length === Math.floor(i / ids.length) ? most : Math.max(most, score)),
    -Infinity,
  );
  return async (tokens: Float32Array): Promise<number[]> => {
    const { data: scores } = await model.similarity(tokens, texts, { signal });
    return Array.from(zeroShotLabels(scores, ids.length, threshold), (label) => (label === 0 ? 0 : ids[label - 1]));
  };
}

function largest(rows: Float32Array, width: number): number[] {
  return Array.from({ length: rows.length / width }, (_, r) => {
    let best = 0;
    for (let c = 1; c < width; c++) if (rows[r * width + c] > rows[r * width + best]) best = c;
    return best;
  });
}

/**
 * Step localisation of CrossTask: -log softmax of a second's dot products with the texts of its task's steps, and the cheapest
 * seconds in the order of the steps. The same fine-tuned and zero-shot.
 * @returns lines of a submission: `{"task", "video", "seconds"}`
 */
export async function predictCrossTask(
  videos: readonly { task: CrossTask; video: string }[],
  options: PredictOptions,
): Promise<{ task: string; video: string; seconds: number[] }[]> {
  const { model, features, signal, onProgress } = options;
  checkFeatures(
    videos.map(({ video }) => video),
    features,
  );
  const encoder = new WindowEncoder(model);
  const texts = new Map<string, Float32Array>();
  try {
    const lines: { task: string; video: string; seconds: number[] }[] = [];
    for (const { task, video } of videos) {
      const rows = texts.get(task.id) ?? (await model.encodeText(task.steps, { signal })).data;
      texts.set(task.id, rows);
      const tokens = await encoder.seconds(await featuresOf(video, options), undefined, signal);
      const { data: scores } = await model.similarity(tokens, rows, { signal });
      const [steps, length] = [task.steps.length, tokens.length / encoder.width];
      lines.push({ task: task.id, video, seconds: orderedAssignment(logCosts(scores, steps), length, steps) });
      onProgress?.({ done: lines.length, total: videos.length });
    }
    return lines;
  } finally {
    encoder.dispose();
  }
}

/** -log softmax of every row. */
function logCosts(scores: Float32Array, width: number): Float64Array {
  const costs = new Float64Array(scores.length);
  for (let at = 0; at < scores.length; at += width) {
    const row = scores.subarray(at, at + width);
    const top = row.reduce((p, q) => Math.max(p, q), -Infinity);
    const total = top + Math.log(row.reduce((sum, v) => sum + Math.exp(v - top), 0));
    row.forEach((v, i) => (costs[at + i] = total - v));
  }
  return costs;
}
