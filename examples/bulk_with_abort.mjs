// Features of many videos into a folder; Ctrl-C keeps what is finished, and running it again goes on:
// node examples/bulk_with_abort.mjs FOLDER OUT (WEIGHTS=s3d_howto100m.pth for real ones)
import { extractToFolder, VideoEncoder } from "videoclip";

const [input, out] = process.argv.slice(2);
const encoder = await VideoEncoder.load({
  model: "s3dg",
  preset: { frames: 16, size: 128 },
  ...(process.env.WEIGHTS ? { weights: process.env.WEIGHTS } : { randomWeights: 1 }),
});
const abort = new AbortController();
process.once("SIGINT", () => abort.abort(new Error("stopped by Ctrl-C")));
try {
  const { videos, clips, skipped, failures } = await extractToFolder([input], {
    encoder,
    out,
    resume: true,
    signal: abort.signal,
    onProgress: ({ videos, total }) => console.error(`${videos}/${total} videos`),
  });
  console.log(`${videos} videos, ${clips} clips; ${skipped} were done before, ${failures} failed`);
} catch (error) {
  if (!abort.signal.aborted) throw error;
  console.log(`${error.message}: run it again to go on`);
} finally {
  encoder.dispose();
}
