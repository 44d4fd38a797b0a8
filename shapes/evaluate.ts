// What the model of `shapes` is judged by: held-out combinations, motions alone, and the place of an event in a longer video.
import { retrievalMetrics } from "../dist/eval/retrieval.js";
import type { VideoClip } from "../dist/models/videoclip/videoclip.js";
import type { VideoEncoder } from "../dist/models/video/video_encoder.js";
import { Random } from "../dist/base/random.js";
import { colourPrototypes, meanColourSimilarity, shuffleFrames } from "./controls.js";
import { clipFeatures, type Features, videoFeatures } from "./features.js";
import { heldOutCandidates, longVideos, motionGroups, renderSeconds, type ShapesVideo } from "./videos.js";

/** A share of right answers with how many there were. */
export interface Recall {
  "R@1": number;
  queries: number;
  candidates: number;
}

export interface ShapesEvaluation {
  seed: number;
  /** Text to video over held-out combinations, no two alike. */
  retrieval: Recall & { "R@5": number; interval: readonly [number, number]; controls: Controls };
  /** Text to video among the ten motions of one object. */
  motion: Recall & { controls: Controls };
  /** The span of a described event in a video of 20 s. */
  localisation: { "R1@0.5": number; mIoU: number; queries: number };
}

/** R@1 of answers that need no understanding. */
interface Controls {
  meanColour: number;
  shuffledFrames: number;
}

export interface Judged {
  encoder: VideoEncoder;
  model: VideoClip;
}

type Prototypes = ReturnType<typeof colourPrototypes>;

const textOf = (video: ShapesVideo): string => video.events[0].text;

/** Scores `[texts, videos]` of videos of one event. */
async function scores({ model }: Judged, videos: readonly ShapesVideo[], features: readonly Features[]) {
  const texts = await model.encodeText(videos.map(textOf));
  const rows = await model.encodeVideo([...features]);
  return (await model.similarity(texts, rows)).data;
}

/** Features of videos whose frames are in random order. */
async function shuffled({ encoder }: Judged, videos: readonly ShapesVideo[], seed: number): Promise<Features[]> {
  const out: Features[] = [];
  for (const [i, video] of videos.entries()) {
    out.push(await clipFeatures(encoder, shuffleFrames(renderSeconds(video), new Random(seed, 60, i))));
  }
  return out;
}

/** R@1 within each group of `size` neighbours of a matrix. */
function groupRecall(matrix: ArrayLike<number>, count: number, size: number): number {
  let right = 0;
  for (let text = 0; text < count; text++) {
    const first = Math.floor(text / size) * size;
    let best = first;
    for (let video = first; video < first + size; video++) {
      if (matrix[text * count + video] > matrix[text * count + best]) best = video;
    }
    if (best === text) right++;
  }
  return right / count;
}

async function retrieval(judged: Judged, seed: number, prototypes: Prototypes): Promise<ShapesEvaluation["retrieval"]> {
  const videos = heldOutCandidates(seed);
  const shape: [number, number] = [videos.length, videos.length];
  const recall = (matrix: ArrayLike<number>) => retrievalMetrics(Float32Array.from(matrix), shape, { bootstrap: {} });
  const found = recall(await scores(judged, videos, await videoFeatures(judged.encoder, videos)));
  return {
    "R@1": found["R@1"],
    "R@5": found["R@5"],
    interval: found.intervals!["R@1"],
    queries: videos.length,
    candidates: videos.length,
    controls: {
      meanColour: recall(meanColourSimilarity(videos, prototypes))["R@1"],
      shuffledFrames: recall(await scores(judged, videos, await shuffled(judged, videos, seed)))["R@1"],
    },
  };
}

async function motion(judged: Judged, seed: number, prototypes: Prototypes): Promise<ShapesEvaluation["motion"]> {
  const groups = motionGroups(seed);
  const videos = groups.flat();
  const size = groups[0].length;
  const recall = (matrix: ArrayLike<number>) => groupRecall(matrix, videos.length, size);
  return {
    "R@1": recall(await scores(judged, videos, await videoFeatures(judged.encoder, videos))),
    queries: videos.length,
    candidates: size,
    controls: {
      meanColour: recall(meanColourSimilarity(videos, prototypes)),
      shuffledFrames: recall(await scores(judged, videos, await shuffled(judged, videos, seed))),
    },
  };
}

/** Spans of 3 to 5 s, as long as events are. */
const SPANS = [3, 4, 5];

/** The span that fits a text best: every span of a video is embedded as a video of its own. */
async function localisation({ encoder, model }: Judged, seed: number): Promise<ShapesEvaluation["localisation"]> {
  const videos = longVideos(seed);
  const all = await videoFeatures(encoder, videos);
  const overlaps: number[] = [];
  for (const [i, { events, seconds }] of videos.entries()) {
    const width = all[i].shape[1];
    const spans = SPANS.flatMap((length) =>
      Array.from({ length: seconds - length + 1 }, (_, start) => [start, start + length] as const),
    );
    const rows = await model.encodeVideo(
      spans.map(([a, b]) => ({ data: all[i].data.subarray(a * width, b * width), shape: [b - a, width] as const })),
    );
    const texts = await model.encodeText(events.map(({ text }) => text));
    const { data: matrix } = await model.similarity(texts, rows);
    events.forEach(({ start, end }, text) => {
      let best = 0;
      for (let s = 0; s < spans.length; s++) {
        if (matrix[text * spans.length + s] > matrix[text * spans.length + best]) best = s;
      }
      const [a, b] = spans[best];
      const shared = Math.max(0, Math.min(b, end) - Math.max(a, start));
      overlaps.push(shared / (b - a + end - start - shared));
    });
  }
  return {
    "R1@0.5": overlaps.filter((overlap) => overlap >= 0.5).length / overlaps.length,
    mIoU: overlaps.reduce((a, b) => a + b, 0) / overlaps.length,
    queries: overlaps.length,
  };
}

/** All of it, for a seed. */
export async function evaluateShapes(judged: Judged, seed: number): Promise<ShapesEvaluation> {
  const prototypes = colourPrototypes(seed);
  return {
    seed,
    retrieval: await retrieval(judged, seed, prototypes),
    motion: await motion(judged, seed, prototypes),
    localisation: await localisation(judged, seed),
  };
}
