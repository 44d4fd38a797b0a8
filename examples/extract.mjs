// Features of videos, clip by clip: node examples/extract.mjs VIDEO... (WEIGHTS=s3d_howto100m.pth for real ones)
import { extract, VideoEncoder } from "videoclip";

const encoder = await VideoEncoder.load({
  model: "s3dg",
  output: "video_embedding",
  preset: { frames: 16, size: 128 },
  ...(process.env.WEIGHTS ? { weights: process.env.WEIGHTS } : { randomWeights: 1 }),
});
for await (const { path, start, end, feature } of extract(process.argv.slice(2), { encoder })) {
  console.log(`${path}  ${start.toFixed(2)}-${end.toFixed(2)} s  [${feature.slice(0, 3).join(", ")}, ...]`);
}
encoder.dispose();
