// After 20 kills at random moments, --resume gives the same bytes as an undisturbed run.
import { spawn, spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { makeSamples } from "../../scripts/make_samples.mjs";
import { CLI, parseLines } from "../support/command_line.js";
import { keptNames } from "../support/kept_names.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("kill");
const folder = temporaryFolder("kill");
const videos = join(folder, "videos");
const flags = "--model s3dg --random-weights 1 --frames 8 --size 96 --batch 2 --quiet".split(" ");
const command = (out: string, ...more: string[]) => [CLI, "extract", videos, ...flags, "--out", out, ...more];

/** Entries as a set, without the fields that hold a time. */
function manifest(out: string): string[] {
  const text = readFileSync(join(out, "manifest.jsonl"), "utf8");
  const entries = parseLines(text);
  return entries.map((entry) => JSON.stringify({ ...entry, finished_at: undefined })).sort();
}

test("20 SIGKILLs lose nothing", async () => {
  await makeSamples(videos, { count: 16, seconds: 6 });
  const reference = join(folder, "reference");
  const out = join(folder, "killed");
  const started = Date.now();
  assert.is(spawnSync(process.execPath, command(reference)).status, 0);
  const whole = Date.now() - started;
  let finished = 0;
  for (let kill = 0; kill < 20; kill++) {
    const child = spawn(process.execPath, command(out, "--resume"), { stdio: "ignore" });
    const closed = new Promise((resolve) => child.on("close", resolve));
    const timer = setTimeout(() => child.kill("SIGKILL"), 300 + Math.random() * whole * 0.4);
    if ((await closed) === 0) {
      // all done before the kill: begin again, so that 20 kills meet work
      finished++;
      rmSync(out, { recursive: true });
    }
    clearTimeout(timer);
  }
  assert.ok(finished < 15, "kills interrupted work");
  const last = spawnSync(process.execPath, command(out, "--resume"), { encoding: "utf8" });
  assert.is(last.status, 0, last.stderr);
  assert.equal(manifest(out), manifest(reference));
  const features = readdirSync(reference).filter((name) => name.endsWith(".npy"));
  assert.equal(keptNames(out), keptNames(reference));
  for (const name of features)
    assert.ok(readFileSync(join(out, name)).equals(readFileSync(join(reference, name))), name);
});

test.run();
