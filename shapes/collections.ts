// Collections of videos with sentences that are true of them and sentences that are not, for judging "nothing fits".
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "../dist/base/random.js";
import { windowsOf } from "../dist/features/embed_folder.js";
import { FeatureIndex } from "../dist/features/feature_index.js";
import { videoClipTextEncoder } from "../dist/features/index_text_encoder.js";
import type { Judged } from "./evaluate.js";
import { videoFeatures } from "./features.js";
import { SHAPES_MODEL } from "./model.js";
import { longVideos } from "./videos.js";
import { describe, type Event, EVENTS } from "./world.js";

/** Words that the grammar does not have. */
const FOREIGN_ADJECTIVES = ["pink", "brown", "black", "wooden", "shiny", "striped", "hairy", "plastic"];
const FOREIGN_NOUNS = ["dog", "elephant", "bicycle", "teapot", "woman", "lorry", "tree", "violin", "cloud", "spoon"];
const FOREIGN_ACTIONS = ["runs on the beach", "cooks soup", "drives away", "laughs", "reads a book", "plays the piano"];

/** Sentences about the videos of one index. */
export interface Sentences {
  /** Each is true of a moment of a video. */
  shown: string[];
  /** By the same grammar, about events that no video shows. */
  absent: string[];
  /** With nouns, adjectives and verbs that the model does not know. */
  foreign: string[];
  /** By the grammar, with one word that the model does not know. */
  oneForeign: string[];
}

export interface Collection {
  sentences: Sentences;
  /** An index of all windows, in a folder that `dispose` removes. */
  index(window: number, hop: number): Promise<FeatureIndex>;
  dispose(): void;
}

const keyOf = ({ colour, shape, size, motion }: Event): string => [colour, shape, size, motion].join(" ");

/** Renders and encodes `count` videos of 20 s. `seed` gives the videos and the sentences. */
export async function collection({ encoder, model }: Judged, seed: number, count: number): Promise<Collection> {
  const videos = longVideos(seed, count);
  const features = await videoFeatures(encoder, videos);
  const folders: string[] = [];
  return {
    sentences: sentencesOf(
      seed,
      videos.flatMap(({ events }) => events),
    ),
    async index(window, hop) {
      const folder = mkdtempSync(join(tmpdir(), "videoclip-collection-"));
      folders.push(folder);
      const text = videoClipTextEncoder(model, SHAPES_MODEL);
      const settings = { model: "videoclip", window, hop };
      const index = await FeatureIndex.create(folder, { dim: text.dim, settings, text: text.info });
      for (const [i, { data, shape }] of features.entries()) {
        const spans = windowsOf(shape[0], window, hop);
        const windows = spans.map(([start, end]) => ({
          data: data.subarray(start * shape[1], end * shape[1]),
          shape: [end - start, shape[1]] as const,
        }));
        const { data: rows } = await model.encodeVideo(windows);
        await index.append([{ video: `${seed}-${i}.mp4`, rows, spans }]);
      }
      return index;
    },
    dispose: () => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })),
  };
}

function sentencesOf(seed: number, events: readonly { event: Event; text: string }[]): Sentences {
  const random = new Random(seed, 70);
  const shown = new Set(events.map(({ event }) => keyOf(event)));
  const pick = <T>(items: readonly T[]): T => items[random.integer(0, items.length - 1)];
  const others = EVENTS.filter((event) => !shown.has(keyOf(event)));
  return {
    shown: events.map(({ text }) => text),
    absent: random.sample(others, 100).map((event) => describe(event, random)),
    foreign: Array.from(
      { length: 100 },
      () => `a ${pick(FOREIGN_ADJECTIVES)} ${pick(FOREIGN_NOUNS)} ${pick(FOREIGN_ACTIONS)}`,
    ),
    oneForeign: random.sample(EVENTS, 100).map((event) => {
      const other = random.coin() ? [event.colour, pick(FOREIGN_ADJECTIVES)] : [event.shape, pick(FOREIGN_NOUNS)];
      return describe(event, random).replace(other[0], other[1]);
    }),
  };
}
