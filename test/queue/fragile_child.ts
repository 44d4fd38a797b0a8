// A worker whose process dies, as by a fault in native code, when it computes a clip of a white video.
import { openEngine } from "#lib/queue/bull_engine.js";
import { VideoEncoder } from "#lib/models/video/video_encoder.js";
import { RunFolder } from "#lib/queue/run_folder.js";
import { work } from "#lib/queue/worker.js";
import { openWorkerStore } from "#lib/queue/worker_store.js";

const [folder, url] = process.argv.slice(2);
const run = RunFolder.open(folder);
const real = await VideoEncoder.load({ model: "s3d-tiny", preset: "shapes", randomWeights: 1, threads: 1 });
const encoder = new Proxy(real, {
  get(target, name) {
    if (name !== "encode") return Reflect.get(target, name, target);
    return (clips: readonly Uint8Array[], options: object) => {
      if (clips.some((clip) => clip.every((value) => value > 250))) process.kill(process.pid, "SIGSEGV");
      return target.encode(clips, options);
    };
  },
});
const engine = await openEngine(url, run.name, { lease: 2000 });
const store = await openWorkerStore(run.folder, undefined);
const summary = await work(run, engine, store, { encoder, lease: 2000, onNote: (note) => console.error(note) });
store.close();
await engine.close();
real.dispose();
process.exitCode = summary.complete ? 0 : 3;
