// A run that many machines share, from JavaScript: everything that the commands do.
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { SharedRun, type VideoEncoder } from "#lib/index.js";
import { refused } from "../support/errors.js";
import { freePort, startRedis } from "../support/queue_servers.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { makeVideos, tinyEncoder } from "../features/tiny_extraction.js";
import { recordsOf } from "./queue_runs.js";

const test = suite("shared runs");
const root = temporaryFolder("shared-run");
const videos = join(root, "videos");
const settings = { model: "s3d-tiny", preset: "shapes", randomWeights: 1 };
const redis = await startRedis(join(root, "redis"));
if (!redis) console.log("SKIP: redis-server is not installed");
let encoder: VideoEncoder;

test.before(async () => {
  await makeVideos(videos, ["a.mp4", "b.mp4", "c.mp4"]);
  encoder = await tinyEncoder();
});
test.after(() => {
  encoder.dispose();
  redis?.stop();
});

test("a run is begun, filled, worked on by two workers at once, and read", async () => {
  if (!redis) return;
  const notes: string[] = [];
  const run = await SharedRun.begin(join(root, "run"), settings, { queue: redis.url(), onNote: (one) => notes.push(one) }); // prettier-ignore
  const other = SharedRun.open(run.folder, { queue: redis.url() });
  try {
    assert.match(notes.join("\n"), /appendonly no/);
    const { addedVideos, addedJobs, videos: all, left } = await run.add([videos], { chunk: 1 });
    assert.equal([addedVideos, addedJobs, all, left], [3, 3, 3, 3]);
    assert.equal((await other.status()).queue, { waiting: 3, active: 0, delayed: 0 });
    const both = await Promise.all([run.work({ encoder, name: "one" }), other.work({ encoder, name: "two" })]);
    assert.equal([both[0].videos + both[1].videos, both[0].complete, both[1].complete], [3, true, true]);
    const { done, workers, seconds } = await run.status();
    assert.equal([done, workers, seconds], [3, [], 0]);
    assert.is(recordsOf(run.folder).size, 3);
  } finally {
    await run.close();
    await other.close();
  }
});

test("a run that is drained is not worked on until it is reconciled; failed videos may be tried again", async () => {
  if (!redis) return;
  const bad = join(root, "bad.mp4");
  writeFileSync(bad, "no video");
  const run = await SharedRun.begin(join(root, "drained"), settings, { queue: redis.url() });
  try {
    assert.is((await run.add([videos, bad])).addedVideos, 4);
    run.drain();
    assert.equal((await run.work({ encoder })).videos, 0);
    assert.is((await run.reconcile()).left, 4);
    const { videos: done, failures, complete } = await run.work({ encoder });
    assert.equal([done, failures, complete], [3, 1, true]);
    const { failed, left } = await run.reconcile({ retryFailed: true });
    assert.equal([failed, left], [0, 1]);
    assert.equal((await run.add([videos, bad])).addedVideos, 0);
  } finally {
    await run.close();
  }
});

test("weights and folders of models are named by absolute paths, for workers that begin elsewhere", async () => {
  if (!redis) return;
  const options = { queue: redis.url() };
  const named = await SharedRun.begin(join(root, "paths"), { model: "s3dg", weights: "w/s3d.pth" }, options);
  const again = await SharedRun.begin(join(root, "paths"), { model: "s3dg", weights: resolve("w/s3d.pth") }, options);
  assert.equal(again.settings, { model: "s3dg", weights: resolve("w/s3d.pth") });
  const folder = await SharedRun.begin(join(root, "folder"), { model: "models/own" }, options);
  assert.is(folder.settings.model, resolve("models/own"));
  for (const run of [named, again, folder]) await run.close();
});

test("a second worker of one name, a server that is away and a folder without a run are refused", async () => {
  if (redis) {
    const run = await SharedRun.begin(join(root, "names"), settings, { queue: redis.url() });
    await run.add([videos]);
    const working = run.work({ encoder, name: "one", onEvent: () => {} });
    await refused(run.work({ encoder, name: "one" }), /another extraction \(process \d+ on .*\) writes to this folder/);
    await refused(run.work({ encoder, name: "a/b" }), /name: expected up to 64 letters, digits, _ and -/);
    assert.is((await working).complete, true);
    await run.close();
  }
  const queue = `redis://127.0.0.1:${await freePort()}`;
  await refused(SharedRun.begin(join(root, "none"), settings, { queue }), /ECONNREFUSED/, "ERR_QUEUE");
  await refused(() => SharedRun.open(join(root, "none")), /there is no run/, "ERR_QUEUE");
});

test.run();
