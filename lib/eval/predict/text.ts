import type { MsrvttQuestion } from "../../data/msrvtt.js";
import type { VideoRecord } from "../../data/record.js";
import type { VideoFeatures } from "../../models/videoclip_input.js";
import { checkFeatures, clipOf, featuresOf, type PredictOptions } from "./options.js";

/** A text and the seconds of a video that it is about. */
export interface RetrievalPair {
  video: string;
  start: number;
  end: number;
  text: string;
}

/** Every caption of a dataset's videos. */
export async function captionsOf(records: AsyncIterable<VideoRecord>): Promise<RetrievalPair[]> {
  const pairs: RetrievalPair[] = [];
  for await (const { video, captions } of records) {
    for (const { start, end, text } of captions) pairs.push({ video, start, end, text });
  }
  return pairs;
}

/**
 * Text-to-video retrieval as MMPT evaluates it: dot products of every text with every clip, clips cut to what the model
 * takes (the first 32 s).
 * @returns f32 `[texts, clips]`; clip i belongs to text i
 */
export async function predictRetrieval(
  pairs: readonly RetrievalPair[],
  options: PredictOptions,
): Promise<Float32Array> {
  const { model, features, signal, onProgress } = options;
  checkFeatures(
    pairs.map(({ video }) => video),
    features,
  );
  const clips: VideoFeatures[] = [];
  let last: { name: string; video: VideoFeatures } | undefined;
  for (const { video, start, end } of pairs) {
    signal?.throwIfAborted();
    if (last?.name !== video) last = { name: video, video: await featuresOf(video, options) };
    clips.push(clipOf(last.video, start, Math.min(end, start + model.config.maxVideoLength)));
    onProgress?.({ done: clips.length, total: pairs.length });
  }
  const videos = await model.encodeVideo(clips, { longVideos: "truncate", signal });
  const texts = await model.encodeText(
    pairs.map(({ text }) => text),
    { signal },
  );
  return (await model.similarity(texts, videos, { signal })).data;
}

/**
 * Multiple choice of MSR-VTT: dot products of a video with its candidate texts.
 * @returns lines of a submission: `{"vid_key", "scores"}`
 */
export async function predictChoices(
  questions: readonly MsrvttQuestion[],
  options: PredictOptions,
): Promise<{ vid_key: string; scores: number[] }[]> {
  const { model, features, signal, onProgress } = options;
  checkFeatures(
    questions.map(({ video }) => video),
    features,
  );
  const lines: { vid_key: string; scores: number[] }[] = [];
  for (const { key, video, choices } of questions) {
    const rows = await model.encodeVideo(await featuresOf(video, options), { longVideos: "truncate", signal });
    const texts = await model.encodeText(choices, { signal });
    const { data } = await model.similarity(rows, texts, { signal });
    lines.push({ vid_key: key, scores: [...data] });
    onProgress?.({ done: lines.length, total: questions.length });
  }
  return lines;
}
