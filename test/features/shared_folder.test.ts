// Two writers of one folder that save the same video leave one record, and different features are an error.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { VideoError } from "#lib/base/errors.js";
import { VideoSources } from "#lib/features/remote/video_sources.js";
import { decodeVideo } from "#lib/video/index.js";
import type { DecodeFunction } from "#lib/video/types.js";
import { saveVideos, settingsOf } from "#lib/features/save_videos.js";
import { FeatureStore } from "#lib/features/store.js";
import type { VideoEncoder } from "#lib/models/video/video_encoder.js";
import { jsonLines } from "../support/command_line.js";
import { rejection } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { bytes, makeVideos, tinyEncoder } from "./tiny_extraction.js";

const test = suite("shared folder");
const root = temporaryFolder("shared");
let encoder: VideoEncoder;
let paths: string[];

test.before(async () => {
  paths = await makeVideos(join(root, "videos"), ["a.mp4", "b.mp4"]);
  encoder = await tinyEncoder();
});
test.after(() => encoder.dispose());

/** Opens a video that ends too early. */
const cutShort: DecodeFunction = async (path, options) => {
  const video = await decodeVideo(path, options);
  return {
    info: video.info,
    close: () => video.close(),
    async *[Symbol.asyncIterator]() {
      yield* video;
      throw new VideoError("ERR_VIDEO_TRUNCATED", `${path}: it ends too early`);
    },
  };
};

const save = (store: FeatureStore, some: readonly string[], by = encoder, sources?: VideoSources) =>
  saveVideos(
    some.map((path) => ({ path })),
    {
      store,
      nameOf: (path) => `${path.slice(-5, -4)}.npy`,
      settings: settingsOf({ encoder: by }),
      roots: [],
      counts: { videos: 0, clips: 0, failures: 0, broken: 0 },
      isShared: true,
      sources,
    },
    { encoder: by, keepPartial: true },
  );

test("a video that another writer has saved is not saved again", async () => {
  const out = join(root, "same");
  const [one, two] = [await FeatureStore.open(out, ".worker-1"), await FeatureStore.open(out, ".worker-2")];
  await save(one, paths.slice(0, 1));
  const before = bytes(out);
  await save(two, paths);
  one.close();
  two.close();
  const records = ["1", "2"].map((name) =>
    jsonLines(join(out, `manifest.worker-${name}.jsonl`)).map(({ path }) => path),
  );
  assert.equal(records, [[paths[0]], [paths[1]]]);
  assert.is(bytes(out)["a.npy"], before["a.npy"]);
});

test("other features than those of another writer are an error that names both, and change nothing", async () => {
  const out = join(root, "different");
  const [one, two] = [await FeatureStore.open(out, ".worker-1"), await FeatureStore.open(out, ".worker-2")];
  await save(one, paths.slice(0, 1));
  const before = bytes(out);
  const other = new Proxy(encoder, {
    get(target, name) {
      if (name !== "encode") return Reflect.get(target, name, target);
      return async (...args: Parameters<VideoEncoder["encode"]>) => {
        const rows = await target.encode(...args);
        rows.data[0] += 1;
        return rows;
      };
    },
  });
  const error = await rejection(save(two, paths.slice(0, 1), other));
  one.close();
  two.close();
  assert.is(error.code, "ERR_RESULTS_DIFFER");
  assert.match(error.message, /a\.mp4: two writers .* \(worker-2\), and the one of .*manifest\.worker-1\.jsonl/);
  assert.equal(bytes(out), before);
});

test("a partial video of another writer is replaced by one that is partial too and has other features", async () => {
  const out = join(root, "partial");
  const [one, two] = [await FeatureStore.open(out, ".worker-1"), await FeatureStore.open(out, ".worker-2")];
  await save(one, paths.slice(0, 1));
  one.close();
  const manifest = join(out, "manifest.worker-1.jsonl");
  const [{ finished_at, ...record }] = jsonLines(manifest);
  writeFileSync(manifest, `${JSON.stringify({ ...record, partial: true, finished_at })}\n`);
  const feature = join(out, "a.npy");
  const whole = readFileSync(feature);
  const changed = Buffer.from(whole);
  changed.writeUInt16LE(0x3c00, whole.length - 2);
  writeFileSync(feature, changed);
  await save(two, paths.slice(0, 1), encoder, new VideoSources({}, cutShort));
  two.close();
  assert.equal(readFileSync(feature), whole);
  assert.is(jsonLines(join(out, "manifest.worker-2.jsonl"))[0].partial, true);
});

test.run();
