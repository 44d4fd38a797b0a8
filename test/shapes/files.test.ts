// The shipped model reads video files with the encoder of its folder, and sees the frames that it was trained on.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FeatureFolder } from "#lib/data/feature_folder.js";
import { clipFeatures } from "../../shapes/features.js";
import { openShapes, SHAPES_MODEL } from "../../shapes/model.js";
import { writeVideo } from "../../shapes/video_file.js";
import { longVideos, renderSeconds } from "../../shapes/videos.js";
import { videoclip } from "../support/command_line.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("shapes in files");
const folder = temporaryFolder("files");

test("extract --model FOLDER gives the features of the rendered frames, apart from the codec's loss", async () => {
  const [video] = longVideos(77, 1);
  await writeVideo(join(folder, "video.mp4"), video);
  const out = join(folder, "features");
  const args = ["extract", join(folder, "video.mp4"), "--model", SHAPES_MODEL, "--out", out, "--quiet"];
  const { status, stderr } = videoclip(...args);
  assert.is(status, 0, stderr);
  const judged = await openShapes();
  const rendered = await clipFeatures(judged.encoder, renderSeconds(video));
  const read = new FeatureFolder(out).read("video");
  assert.is(read.rows, 20);
  let [dot, a, b] = [0, 0, 0];
  for (let i = 0; i < read.data.length; i++) {
    dot += read.data[i] * rendered.data[i];
    a += read.data[i] ** 2;
    b += rendered.data[i] ** 2;
  }
  assert.ok(dot / Math.sqrt(a * b) > 0.98, `cosine ${dot / Math.sqrt(a * b)}`);
  // the model also reads the file with the encoder in its folder
  const { rows } = await judged.model.encodeVideo(join(folder, "video.mp4"), { longVideos: "truncate" });
  assert.ok(rows.every(Number.isFinite));
  judged.dispose();
});

test("a folder that is not a model is refused, and the error names the missing file", () => {
  const args = ["extract", folder, "--model", folder, "--out", join(folder, "none")];
  const { status, stderr } = videoclip(...args);
  assert.is.not(status, 0);
  assert.match(stderr, /config\.json/);
  assert.not(readdirSync(folder).includes("none"));
});

test.run();
