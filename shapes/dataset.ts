// Training videos as VideoCLIP is trained on them: features of every second and tokenised captions, packed.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FeatureFolder } from "../dist/data/feature_folder.js";
import { packDataset } from "../dist/data/pack.js";
import type { VideoRecord } from "../dist/data/record.js";
import { Skips } from "../dist/data/skips.js";
import type { VideoEncoder } from "../dist/models/video/video_encoder.js";
import { WordPieceTokenizer } from "../dist/text/wordpiece.js";
import { npyBytes } from "../dist/weights/npy.js";
import { clipFeatures } from "./features.js";
import { renderSeconds, trainingVideo } from "./videos.js";
import { vocabulary } from "./world.js";

/** Words of the grammar, with the special tokens that BERT has. */
export function writeVocabulary(file: string): void {
  writeFileSync(
    file,
    ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ...vocabulary()].map((word) => `${word}\n`).join(""),
  );
}

const nameOf = (index: number) => `video-${String(index).padStart(5, "0")}`;

/** Captions of the training videos `[0, count)`. */
async function* records(seed: number, count: number): AsyncGenerator<VideoRecord> {
  for (let index = 0; index < count; index++) {
    const { seconds, events } = trainingVideo(seed, index);
    yield {
      video: nameOf(index),
      duration: seconds,
      captions: events.map(({ start, end, text }) => ({ start, end, text })),
    };
  }
}

/**
 * Encodes `count` training videos into `folder/features` (those that are there already stay) and packs them into
 * `folder/packed` with the tokenizer's vocabulary.
 * @returns the folder of the pack
 */
export async function makeDataset(
  encoder: VideoEncoder,
  folder: string,
  { seed, count, vocab, onVideo }: { seed: number; count: number; vocab: string; onVideo?: (done: number) => void },
): Promise<string> {
  const features = join(folder, "features");
  const packed = join(folder, "packed");
  mkdirSync(features, { recursive: true });
  for (let index = 0; index < count; index++) {
    const file = join(features, `${nameOf(index)}.npy`);
    if (!existsSync(file)) {
      const { data, shape } = await clipFeatures(encoder, renderSeconds(trainingVideo(seed, index)));
      writeFileSync(file, npyBytes(data, shape, "f16"));
    }
    onVideo?.(index + 1);
  }
  const tokenizer = WordPieceTokenizer.load(vocab);
  await packDataset(records(seed, count), packed, {
    features: new FeatureFolder(features),
    tokenise: (texts) => texts.map((text) => tokenizer.encode(text, { specialTokens: false }).ids),
    source: { dataset: "shapes", seed, count, encoder: encoder.weightsHash },
    skips: new Skips(),
  });
  return packed;
}
