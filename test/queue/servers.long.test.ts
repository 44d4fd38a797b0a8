// A server that cannot be used, a missing package or a run of another kind: one line and exit code 1, and nothing was begun.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openServer } from "#lib/queue/queue_server.js";
import { CLI, videoclip } from "../support/command_line.js";
import { refused } from "../support/errors.js";
import { freePort, startPostgres, startRedis } from "../support/queue_servers.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { makeVideos } from "../features/tiny_extraction.js";
import { SETTINGS } from "./queue_runs.js";

const test = suite("servers of queues");
const root = temporaryFolder("servers");
const videos = join(root, "videos");
/** A run with a video that nobody has worked on, whose server is asked for by `--queue`. */
const run = join(root, "run");
const redis = await startRedis(join(root, "redis"));
const lossy = await startRedis(join(root, "lossy"), ["--maxmemory-policy", "allkeys-lru"]);
const closed = `127.0.0.1:${await freePort()}`;
if (!redis) console.log("SKIP: redis-server is not installed");

test.before(async () => {
  await makeVideos(videos, ["a.mp4"]);
  if (redis) assert.is(videoclip("queue", "add", videos, ...SETTINGS, "--run", run, "--queue", redis.url()).status, 0);
});
test.after(() => {
  redis?.stop();
  lossy?.stop();
});

/** Checks that a command says one line and ends with a code, and that the run has no results. */
function isRefused(
  { status, stderr, stdout }: { status: number | null; stderr: string; stdout: string },
  message: RegExp,
  code = 1,
): void {
  assert.match(stderr, message);
  assert.equal([status, stderr.trimEnd().split("\n").length, stdout], [code, 1, ""], stderr);
  if (!existsSync(run)) return;
  assert.equal(readdirSync(run).filter((name) => /\.npy$|^failures/.test(name)), []); // prettier-ignore
}

/** Checks that beginning a run and working on one are refused with an address. */
function bothRefuse(url: string, message: RegExp): void {
  const fresh = join(root, "fresh");
  isRefused(videoclip("queue", "add", videos, ...SETTINGS, "--run", fresh, "--queue", url), message);
  assert.is(existsSync(fresh), false, "a run was begun");
  if (redis) isRefused(videoclip("work", "--run", run, "--queue", url), message);
}

test("a server that does not answer is named with the reason, without its password", async () => {
  bothRefuse(`redis://user:secret@${closed}`, /^videoclip: queue: redis:\/\/user@127\.0\.0\.1:\d+ cannot be used: .*ECONNREFUSED.* \[ERR_QUEUE\]$/m); // prettier-ignore
  await refused(
    openServer(`postgres://user:secret@${closed}/db`),
    /^queue: postgres:\/\/user@127\.0\.0\.1:\d+\/db cannot be used: .*ECONNREFUSED/,
    "ERR_QUEUE",
  );
});

test("an address that is none is refused", async () => {
  for (const url of ["http://user:secret@host:80", "host:6379", "", "redis:host"])
    await refused(
      openServer(url),
      /expected an address redis:\/\/, rediss:\/\/ or postgres:\/\/, received (?!.*secret)/,
    );
});

test("Redis that drops jobs when its memory is full is refused", () => {
  if (lossy) bothRefuse(lossy.url(), /its maxmemory-policy is allkeys-lru, which drops jobs: set it to noeviction/);
});

test("a missing address is wrong usage", () => {
  const { VIDEOCLIP_QUEUE: _, ...env } = process.env;
  const args = ["queue", "add", videos, ...SETTINGS, "--run", join(root, "fresh")];
  const asked = spawnSync(process.execPath, [CLI, ...args], { encoding: "utf8", env });
  isRefused(asked, /the server is unknown: give --queue redis:\/\/HOST:6379 or postgres:/, 2);
});

for (const [name, url, advice] of [
  ["bullmq", `redis://${closed}`, "npm install bullmq ioredis"],
  ["ioredis", `redis://${closed}`, "npm install bullmq ioredis"],
  ["pg", `postgres://user@${closed}/db`, "npm install bullmq pg"],
]) {
  test(`without the package ${name} the message says what to install`, () => {
    const hide = `import { register } from "node:module";
      register("data:text/javascript," + encodeURIComponent(\`export async function resolve(name, context, next) {
        if (name === "${name}") throw Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" });
        return next(name, context);
      }\`));`;
    const hook = `data:text/javascript,${encodeURIComponent(hide)}`;
    const args = ["queue", "add", videos, ...SETTINGS, "--run", join(root, "fresh"), "--queue", url];
    const asked = spawnSync(process.execPath, ["--import", hook, CLI, ...args], { encoding: "utf8" });
    isRefused(asked, new RegExp(`the package ${name} is needed and cannot be loaded: ${advice} \\[ERR_QUEUE\\]`));
  });
}

test("a worker that would make other features than the run is refused before its first video", () => {
  if (!redis) return;
  const identity = join(run, "run", "identity.json");
  writeFileSync(identity, '{"model": "s3d-tiny", "version": "0.0.1"}');
  const asked = videoclip("work", "--run", run, "--queue", redis.url(), "--quiet");
  isRefused(asked, /this worker would make other features than the run: its .* is .*, that of the run .*\[ERR_QUEUE\]/);
  assert.match(readFileSync(identity, "utf8"), /0\.0\.1/);
});

test("other settings than those of the run are wrong usage", () => {
  if (!redis) return;
  const args = [...SETTINGS, "--l2", "--run", run, "--queue", redis.url()];
  isRefused(videoclip("queue", "add", videos, ...args), /the run has l2 unset, the command true/, 2);
});

test("the address of the run has no password, and the variable of the environment counts more", () => {
  if (!redis) return;
  const { queue } = JSON.parse(readFileSync(join(run, "run", "run.json"), "utf8"));
  assert.is(queue, redis.url());
  const env = { ...process.env, VIDEOCLIP_QUEUE: `redis://:secret@${closed}` };
  const asked = spawnSync(process.execPath, [CLI, "queue", "status", "--run", run], { encoding: "utf8", env });
  isRefused(asked, new RegExp(`queue: redis://@${closed} cannot be used`));
});

test("Redis that keeps nothing on the disk is used, with a warning; one that does without", async () => {
  if (!redis) return;
  const safe = (await startRedis(join(root, "safe"), ["--appendonly", "yes"]))!;
  const warned = videoclip("queue", "add", videos, ...SETTINGS, "--run", join(root, "one"), "--queue", redis.url());
  const silent = videoclip("queue", "add", videos, ...SETTINGS, "--run", join(root, "two"), "--queue", safe.url());
  safe.stop();
  assert.equal([warned.status, silent.status], [0, 0]);
  assert.match(warned.stderr, /has appendonly no: after a crash of the server jobs are missing until/);
  assert.is(silent.stderr, "1 videos added in 1 jobs; 0 of 1 videos done, 0 failed, 1 left\n");
});

test("a database that does not exist is named", async () => {
  const postgres = await startPostgres(temporaryFolder("servers"));
  if (!postgres) return console.log("SKIP: PostgreSQL is not installed");
  try {
    const url = postgres.url().replace(/\w+$/, "nothing");
    await refused(openServer(url), /nothing cannot be used: database "nothing" does not exist/, "ERR_QUEUE");
  } finally {
    postgres.stop();
  }
});

test.run();
