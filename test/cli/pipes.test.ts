// Readers that close their pipe, and signals, cause no stack trace and leave no lock and no temporary file.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { makeVideos } from "../features/tiny_extraction.js";
import { CLI } from "../support/command_line.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("pipes and signals");
const root = temporaryFolder("pipes");
const videos = join(root, "videos");
const extract = (out: string) => [
  CLI,
  "extract",
  videos,
  ..."--model s3d-tiny --random-weights 1 --decoders 1 --batch 1 --json --out".split(" "),
  out,
];
const names = Array.from({ length: 12 }, (_, i) => `v${i}.mp4`);

test.before(() => makeVideos(videos, names).then(() => {}));

/** Runs a command in a shell pipe; `$0` is node. @returns its exit code and what it wrote to stderr */
function piped(args: string[], reader: string) {
  const log = join(root, "stderr");
  const script = `{ "$0" "$@" 2>${log}; echo $? >${log}.code; } | ${reader}`;
  spawnSync("sh", ["-c", script, process.execPath, ...args]);
  return { code: Number(readFileSync(`${log}.code`, "utf8")), stderr: readFileSync(log, "utf8") };
}

test("an extraction continues without a reader of its events", () => {
  const out = join(root, "head");
  const { code, stderr } = piped(extract(out), "head -1");
  assert.is(code, 0, stderr);
  assert.not.match(stderr, /EPIPE|\n +at /);
  assert.is(readdirSync(out).filter((name) => name.endsWith(".npy")).length, names.length);
  assert.not.ok(existsSync(join(out, ".lock")));
});

test("commands that print end silently when their reader is gone", () => {
  for (const args of [["inspect", "models/shapes/model.safetensors"], ["--help"], ["doctor", "--json"]]) {
    const { code, stderr } = piped([CLI, ...args], "true");
    assert.is(code, 0, stderr);
    assert.is(stderr, "");
  }
});

test("an extraction continues without a reader of its messages", () => {
  const out = join(root, "tee");
  const script = `"$0" "$@" 2>&1 >/dev/null | true`;
  spawnSync("sh", ["-c", script, process.execPath, ...extract(out)]);
  assert.is(readdirSync(out).filter((name) => name.endsWith(".npy")).length, names.length);
});

for (const [what, signals, pause] of [
  ["SIGTERM", ["SIGTERM"], 0],
  ["two SIGINTs at once", ["SIGINT", "SIGINT"], 0],
  ["two SIGINTs", ["SIGINT", "SIGINT"], 350],
] as const) {
  test(`${what}: exit code 130 and no file is left`, async () => {
    const out = join(root, what);
    const child = spawn(process.execPath, extract(out), { stdio: ["ignore", "pipe", "pipe"] });
    let stderr = "";
    child.stderr.on("data", (chunk) => (stderr += chunk));
    const closed = new Promise((resolve) => child.on("close", (code, signal) => resolve(code ?? signal)));
    await new Promise((resolve) => child.stdout.once("data", resolve));
    for (const signal of signals) {
      child.kill(signal);
      await sleep(pause);
    }
    const ended = await closed;
    // the second signal may arrive after the work has ended; a shell also reports 130 then
    assert.ok(ended === 130 || (signals.length > 1 && ended === "SIGINT"), `${ended} ${stderr}`);
    assert.not.match(stderr, /\n +at /);
    assert.equal(readdirSync(out).filter((name) => name.startsWith(".")), []); // prettier-ignore
  });
}

test.run();
