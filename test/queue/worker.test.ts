// A worker saves results before it answers a job, passes over what is done, and tries failed videos again on request.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { VideoClipError } from "#lib/base/errors.js";
import { FeatureStore } from "#lib/features/store.js";
import { VideoEncoder } from "#lib/models/video/video_encoder.js";
import { addToList, compare, reconcile } from "#lib/queue/fill.js";
import { RunFolder } from "#lib/queue/run_folder.js";
import { work, type WorkOptions } from "#lib/queue/worker.js";
import { openWorkerStore } from "#lib/queue/worker_store.js";
import { S3Store } from "#lib/storage/s3_store.js";
import { rejection } from "../support/errors.js";
import { startS3Server } from "../support/s3_server.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { bytes, extractTiny, makeVideos } from "../features/tiny_extraction.js";
import { MemoryEngine } from "./memory_engine.js";
import { failuresOf, recordsOf } from "./queue_runs.js";

const test = suite("worker");
const root = temporaryFolder("worker");
const made = join(root, "made");
let encoder: VideoEncoder;
let cases = 0;

test.before(async () => {
  await makeVideos(made, ["a.mp4", "b.mp4", "c.mp4", "d.mp4"]);
  // small batches, so that few videos are in progress at a time
  encoder = await VideoEncoder.load({ model: "s3d-tiny", preset: "shapes", randomWeights: 1, threads: 1, batch: 2 });
});
test.after(() => encoder.dispose());

/** A run with some videos, and a queue of jobs of two videos. */
async function runOf(count: number) {
  const at = join(root, `case-${cases++}`);
  const videos = join(at, "videos");
  mkdirSync(videos, { recursive: true });
  for (let i = 0; i < count; i++) copyFileSync(join(made, `${"abcd"[i % 4]}.mp4`), join(videos, `${i + 10}.mp4`));
  const run = RunFolder.create(join(at, "run"), { model: "s3d-tiny" }, undefined);
  const engine = new MemoryEngine();
  const fill = async () => {
    await addToList(run, await FeatureStore.read(run.folder), [videos], { chunk: 2 });
    return reconcile(run, engine, await FeatureStore.read(run.folder));
  };
  const worker = async (options: Partial<WorkOptions> = {}) => {
    const store = await openWorkerStore(run.folder, undefined);
    const notes: string[] = [];
    try {
      return {
        ...(await work(run, engine, store, { encoder, onNote: (note) => notes.push(note), ...options })),
        notes,
      };
    } finally {
      store.close();
    }
  };
  return { videos, run, engine, fill, worker, progress: async () => compare(run, await FeatureStore.read(run.folder)) };
}

test("every job is answered after its records, and the run is complete", async () => {
  const { run, engine, fill, worker, progress } = await runOf(3);
  assert.is((await fill()).jobs, 2);
  const answered: number[] = [];
  const push = engine.answers.push.bind(engine.answers);
  engine.answers.push = (...some) => (answered.push(recordsOf(run.folder).size), push(...some));
  const { videos, complete } = await worker();
  assert.equal([videos, complete, engine.jobs.size], [3, true, 0]);
  assert.ok(answered[0] >= 2 && answered[1] === 3, `records at the answers: ${answered}`);
  assert.equal(
    engine.answers.map((answer) => answer.split(" ")[0]),
    ["complete", "complete"],
  );
  const { done, left } = await progress();
  assert.equal([done, left], [3, 0]);
});

test("jobs that are handed out again after a loss of the queue are answered, and nothing is saved twice", async () => {
  const { run, engine, fill, worker } = await runOf(40);
  await fill();
  const first = new AbortController();
  await worker({ drain: first.signal, onEvent: ({ type }) => type === "clip" && first.abort() });
  const before = recordsOf(run.folder).size;
  assert.ok(before > 0 && before < 40, `${before} videos were done before the drain`);
  engine.jobs.clear();
  for (const { id, data } of run.chunks()) await engine.add([{ id, data }]); // all of them, as if nothing were done
  const { videos, skipped, complete } = await worker();
  assert.equal([videos, skipped, complete], [40 - before, before, true]);
  const records = [...recordsOf(run.folder).values()];
  assert.equal([records.length, records.flat().length], [40, 40]);
});

test("a failed video is a result, until failed ones may be tried again", async () => {
  const { videos, run, fill, worker, progress } = await runOf(2);
  writeFileSync(join(videos, "bad.mp4"), "no video");
  await fill();
  assert.equal((await worker()).complete, true);
  assert.equal([...failuresOf(run.folder).keys()], [join(videos, "bad.mp4")]);
  assert.is((await fill()).left, 0);
  copyFileSync(join(made, "c.mp4"), join(videos, "bad.mp4"));
  run.retryFailed();
  assert.is((await fill()).left, 1);
  const { videos: again } = await worker();
  assert.equal([again, (await progress()).failed, (await progress()).done], [1, 0, 3]);
});

test("a fault of the surroundings hands the jobs back, and the next attempt goes on", async () => {
  const { run, engine, fill, worker } = await runOf(2);
  await fill();
  let faults = 1;
  const shaky = new Proxy(encoder, {
    get(target, name) {
      if (name !== "encode") return Reflect.get(target, name, target);
      return async (...args: Parameters<VideoEncoder["encode"]>) => {
        if (faults-- > 0) throw new VideoClipError("ERR_WRITE", "the disk is full");
        return target.encode(...args);
      };
    },
  });
  const { complete, notes } = await worker({ encoder: shaky });
  assert.is(complete, true);
  assert.match(notes.join("\n"), /the disk is full \[ERR_WRITE\]; fault 1 in a row; the jobs were handed back/);
  assert.is(engine.answers[0].split(" ")[0], "retry");
  assert.is(recordsOf(run.folder).size, 2);
});

test("a run of a bucket lists it once, downloads its videos, and extracts the features of local files", async () => {
  const { run, engine, worker } = await runOf(0);
  const server = await startS3Server({ page: 3 });
  const env = { ...server.env };
  const requests = { attempts: 4, firstWait: 1 };
  const objectStore = (bucket: string) => new S3Store(bucket, { env, retry: requests });
  const names = ["a.mp4", "b.mp4", "c.mp4", "d.mp4"];
  for (const name of names) server.put(`in/${name}`, readFileSync(join(made, name)));
  try {
    await addToList(run, await FeatureStore.read(run.folder), ["s3://videos/in/"], { chunk: 2, objectStore });
    await reconcile(run, engine, await FeatureStore.read(run.folder));
    const { videos, complete } = await worker({ objectStore, requests, spool: join(root, "spool") });
    assert.equal([videos, complete], [4, true]);
  } finally {
    await server.close();
  }
  assert.equal([...recordsOf(run.folder).keys()].sort(), names.map((name) => `s3://videos/in/${name}`)); // prettier-ignore
  await extractTiny(encoder, [made], join(root, "local"));
  assert.equal(bytes(run.folder), bytes(join(root, "local")));
});

test("a worker that would make other features is refused before its first video", async () => {
  const { run, fill, worker } = await runOf(1);
  await fill();
  await worker();
  const other = new Proxy(encoder, { get: (target, name) => (name === "weightsHash" ? "random:2" : Reflect.get(target, name, target)) }); // prettier-ignore
  const error = await rejection(worker({ encoder: other }));
  assert.match(
    error.message,
    /would make other features than the run: its weights is "random:2", that of the run "random:1"/,
  );
  assert.is(recordsOf(run.folder).size, 1);
});

test.run();
