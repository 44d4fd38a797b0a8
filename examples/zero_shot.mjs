// Which label fits a video, without training: node examples/zero_shot.mjs MODEL FEATURES.npy LABEL...
import { VideoClip, videoClipTextEncoder, zeroShotClassify } from "videoclip";

const [path, features, ...labels] = process.argv.slice(2);
const model = await VideoClip.load(path);
const videos = await model.encodeVideo(features, { longVideos: "window" });
const [scores] = await zeroShotClassify(videos, labels, {
  text: videoClipTextEncoder(model, path),
  templates: ["{}", "a video of {}", "how to {}"],
});
for (const { label, score } of scores) console.log(`${score.toFixed(3)}  ${label}`);
model.dispose();
