// The command `videoclip serve` says where it listens, logs lines of JSON, ends in order, and refuses wrong usage with
// one line and exit code 2.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CLI, parseLines, videoclip } from "../support/command_line.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { STAR, served, writeExample } from "./served_example.js";

const test = suite("serve: the command");
const root = temporaryFolder("serve-command");
let index: string;

test.before(async () => {
  ({ index } = await writeExample(root));
});

test("it serves until it is asked to end", async () => {
  const child = spawn(process.execPath, [CLI, "serve", "--index", index, "--port", "0"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [out, log] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (log += text));
  const ended = once(child, "close");
  try {
    await once(child.stdout, "data");
    assert.match(out, /^http:\/\/127\.0\.0\.1:\d+\/\n$/);
    const answer = await fetch(new URL(`/api/search?q=${STAR}`, out.trim()));
    assert.is(answer.status, 200);
    assert.ok(((await answer.json()) as { moments: unknown[] }).moments.length > 0);
    child.kill("SIGTERM");
    const [code] = await ended;
    assert.is(code, 0, log);
    const events = parseLines(log);
    assert.equal(events.map(({ event }) => event), ["listening", "request"]); // prettier-ignore
    assert.ok(events.every(({ time }) => !Number.isNaN(Date.parse(time))));
  } finally {
    child.kill("SIGKILL");
  }
});

test("wrong usage: one line, exit code 2", async () => {
  const other = await served([index]);
  const { port } = new URL(other.url);
  const cases: [string[], RegExp][] = [
    [["--index", join(root, "none")], /^videoclip: index: .*none is not an index: it has no index\.json/],
    [["--index", index, "--port", port], /^videoclip: port: \d+ of 127\.0\.0\.1 is taken by another program/],
    [["--index", index, "--host", "0.0.0.0"], /^videoclip: host: 0\.0\.0\.0 can be reached from other machines/],
    [["--index", index, "--host", "0.0.0.0", "--token", "short"], /^videoclip: token: expected at least 16/],
    [["--index", index, "--videos", join(root, "none")], /^videoclip: videos: .*none is not a folder/],
    [["--index", index, "--port", "65536"], /^error: option '--port <n>' argument '65536' is invalid/],
    [[], /^error: required option '--index <dir>' not specified/],
  ];
  for (const [args, message] of cases) {
    const { status, stderr, stdout } = videoclip("serve", ...args);
    assert.is(status, 2, stderr);
    assert.match(stderr, message);
    assert.is(stdout, "");
    assert.ok(stderr.trimEnd().split("\n").length <= 2, stderr);
  }
  await other.close();
});

test.run();
