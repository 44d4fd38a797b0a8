// An index of features and a search in it: node examples/search.mjs MODEL FEATURES INDEX SENTENCE
// FEATURES is a folder that `videoclip extract` wrote, with features as wide as MODEL takes them.
import { FeatureIndex, indexFeatures, searchText, VideoClip, videoClipTextEncoder } from "videoclip";

const [path, features, out, sentence] = process.argv.slice(2);
const model = await VideoClip.load(path);
const text = videoClipTextEncoder(model, path);
const { videos, skipped, rows } = await indexFeatures([features], { out, model, text });
console.error(`${videos} videos indexed, ${skipped} were there; ${rows} rows`);

const index = await FeatureIndex.open(out);
const { hits } = await searchText(index, sentence, { text, top: 5, perVideo: 1 });
for (const { video, start, end, score } of hits) {
  console.log(`${score.toFixed(3)}  ${start.toFixed(1)}-${end.toFixed(1)} s  ${video}`);
}
index.dispose();
model.dispose();
