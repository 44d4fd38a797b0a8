// A small pack of videos of a few topics, whose features and words match, and an equally small VideoCLIP.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FeatureFolder } from "#lib/data/feature_folder.js";
import { packDataset } from "#lib/data/pack.js";
import { Skips } from "#lib/data/skips.js";
import { Random } from "#lib/base/random.js";
import { npyBytes } from "#lib/weights/npy.js";

export const WIDTH = 8;
export const TOPICS = 4;

export const CONFIG = {
  featureSize: WIDTH,
  hiddenSize: 16,
  heads: 2,
  intermediateSize: 32,
  videoLayers: 1,
  textLayers: 1,
  vocabularySize: 40,
  maxPositions: 16,
  maxVideoLength: 6,
  maxTextLength: 10,
  clsId: 1,
  sepId: 2,
};

/** Packs `videos` videos into `folder/pack`; the features of those in `broken` are not finite. */
export async function smallPack(folder: string, videos: number, broken: readonly number[] = []): Promise<string> {
  const features = join(folder, "features");
  mkdirSync(features, { recursive: true });
  const records = Array.from({ length: videos }, (_, video) => {
    const random = new Random(8, 1, video);
    const topic = video % TOPICS;
    const rows = random.integer(12, 30);
    const values = Float32Array.from({ length: rows * WIDTH }, (_value, i) =>
      i % WIDTH === topic ? 2 : 0.5 * random.normal(),
    );
    writeFileSync(join(features, `v${video}.npy`), npyBytes(values, [rows, WIDTH], "f32"));
    const captions = Array.from({ length: 6 }, (_caption, c) => ({
      start: 2 * c,
      end: 2 * c + 2,
      text: Array.from({ length: 3 }, () => 4 + 8 * topic + random.integer(0, 7)).join(" "),
    }));
    return { video: `v${video}`, captions };
  });
  const pack = join(folder, "pack");
  await packDataset(
    (async function* () {
      for (const record of records) yield await Promise.resolve(record);
    })(),
    pack,
    {
      features: new (class extends FeatureFolder {
        override read(video: string) {
          const read = super.read(video);
          // this value overflows float16, so that the shard is not finite
          if (broken.includes(Number(video.slice(1)))) read.data[3] = 1e9;
          return read;
        }
      })(features),
      tokenise: (texts) => texts.map((text) => text.split(" ").map(Number)),
      source: { made: videos },
      skips: new Skips(),
    },
  );
  return pack;
}
