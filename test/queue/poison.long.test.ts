// A video that ends the process of its worker is found, tried alone, and quarantined; all others get their features.
import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { videoclip } from "../support/command_line.js";
import { startPostgres, startRedis } from "../support/queue_servers.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { makeVideos } from "../features/tiny_extraction.js";
import { hasFfmpeg } from "../support/ffmpeg.js";
import { failuresOf, recordsOf } from "./queue_runs.js";

const test = suite("poison");
const root = temporaryFolder("poison");
const videos = join(root, "videos");
const names = Array.from({ length: 12 }, (_, i) => `${String.fromCharCode(97 + i)}.mp4`);

test.before(async () => {
  await makeVideos(videos, names);
});

for (const [name, start] of [
  ["Redis", startRedis],
  ["PostgreSQL", startPostgres],
] as const) {
  test(`${name}: two deaths quarantine a video, and the run completes`, async () => {
    if (!hasFfmpeg) return console.log("SKIP: no ffmpeg to make a white video");
    const server = await start(root);
    if (!server) return console.log(`SKIP: ${name} is not installed`);
    const run = join(root, name);
    const white = join(videos, "f-white.mp4");
    spawnSync("ffmpeg", ["-y", "-loglevel", "error", "-f", "lavfi", "-i", "color=white:s=64x64:d=0.5:r=24", "-pix_fmt", "yuv420p", white]); // prettier-ignore
    try {
      const settings = ["--model", "s3d-tiny", "--preset", "shapes", "--random-weights", "1"];
      const added = videoclip(
        "queue",
        "add",
        videos,
        ...settings,
        "--run",
        run,
        "--queue",
        server.url(),
        "--chunk",
        "4",
      );
      assert.is(added.status, 0, added.stderr);
      const deaths: string[] = [];
      let said = "";
      for (let life = 0; life < 10; life++) {
        const child = spawn(process.execPath, ["--import", "tsx", "test/queue/fragile_child.ts", run, server.url()]);
        child.stderr.on("data", (text) => (said += text));
        const [code, signal] = await new Promise<[number, string]>((resolve) =>
          child.on("close", (...end) => resolve(end as [number, string])),
        );
        if (code === 0) break;
        deaths.push(signal);
      }
      assert.equal(deaths, ["SIGSEGV", "SIGSEGV"], said);
      const failures = failuresOf(run);
      assert.equal([...failures.keys()], [white]);
      assert.is(failures.get(white)!.code, "ERR_QUARANTINED");
      assert.match(failures.get(white)!.reason, /f-white\.mp4: 2 workers died while it was open/);
      assert.equal(
        [...recordsOf(run).keys()].sort(),
        names.map((one) => join(videos, one)),
      );
      const status = videoclip("queue", "status", "--run", run);
      assert.match(status.stdout, /12 of 13 videos done, 1 failed \(1 quarantined\), 0 left/);
    } finally {
      server.stop();
    }
  });
}

test.run();
