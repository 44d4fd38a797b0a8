// Workers that are killed, stopped and cut off, and a queue that is lost, change nothing about the results.
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Random } from "#lib/base/random.js";
import { videoclip } from "../support/command_line.js";
import { makeNetwork } from "../support/network_namespace.js";
import { startPostgres, startRedis, type TestServer } from "../support/queue_servers.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import {
  extractAlone,
  failuresOf,
  featureBytes,
  makeRunVideos,
  recordsOf,
  SETTINGS,
  startWorker,
} from "./queue_runs.js";

const test = suite("a queue in chaos");
const root = temporaryFolder("chaos");
const videos = join(root, "videos");
const alone = join(root, "alone");
const SEED = Number(process.env.CHAOS_SEED ?? 1);
/** Seconds of a lease; a worker is stopped for three times as long. */
const LEASE = 2;

async function chaos(server: TestServer, run: string, seed: number): Promise<string[]> {
  const random = new Random(seed);
  const network = makeNetwork(seed % 9);
  if (!network) console.log("SKIP: no right to make a network namespace; no worker is cut off");
  const log: string[] = [];
  const flags = ["--lease", String(LEASE), "--max-crashes", "100", "--decoders", "2"];
  let isOver = false;
  const keepAlive = async (number: number): Promise<void> => {
    const cut = number === 0 ? network : undefined;
    while (!isOver) {
      const worker = startWorker(run, [...flags, "--queue", server.url(cut?.host)], cut?.prefix);
      workers[number] = worker;
      const { code } = await worker.ended;
      if (code === 0) return;
      log.push(`${number} ended: ${code} ${worker.said().trim().split("\n").at(-1)}`);
      await sleep(100);
    }
  };
  const workers: ReturnType<typeof startWorker>[] = [];
  const alive = [0, 1, 2, 3].map(keepAlive);
  const all = Promise.all(alive).then(() => (isOver = true));
  const limit = setTimeout(() => {
    isOver = true;
    for (const { child } of workers) child.kill("SIGKILL");
  }, 110_000);
  const plan = ["kill", "stop", "kill", "flush", "cut", "kill", "restart", "kill", "stop", "flush", "kill"];
  await sleep(1500);
  try {
    for (const deed of plan) {
      if (isOver) break;
      const number = random.integer(0, 3);
      const { child } = workers[number];
      log.push(`${deed} ${number}`);
      if (deed === "kill") child.kill("SIGKILL");
      else if (deed === "flush") server.flush();
      else if (deed === "restart") await server.restart();
      else if (deed === "stop") {
        child.kill("SIGSTOP");
        setTimeout(() => child.kill("SIGCONT"), LEASE * 3000);
      } else if (network) {
        network.cut(true);
        setTimeout(() => network.cut(false), LEASE * 3000);
      }
      await sleep(600 + 900 * random.uniform());
    }
    await all;
  } finally {
    clearTimeout(limit);
    for (const { child } of workers) child.kill("SIGKILL");
    network?.remove();
  }
  return log;
}

test.before(async () => {
  await makeRunVideos(videos, 200);
  extractAlone(videos, alone);
});

for (const [name, start] of [
  ["Redis", startRedis],
  ["PostgreSQL", startPostgres],
] as const) {
  test(`${name}: the results of four troubled workers are those of one process`, async () => {
    const server = await start(root);
    if (!server) return console.log(`SKIP: ${name} is not installed`);
    const run = join(root, name);
    try {
      const added = videoclip(
        "queue",
        "add",
        videos,
        ...SETTINGS,
        "--run",
        run,
        "--queue",
        server.url(),
        "--chunk",
        "8",
      );
      assert.is(added.status, 0, added.stderr);
      const log = await chaos(server, run, SEED);
      const { status, stdout, stderr } = videoclip("queue", "status", "--run", run, "--json");
      assert.is(status, 0, stderr);
      const { left, done, queue } = JSON.parse(stdout);
      if (process.env.CHAOS_LOG) console.log(log.join("\n"));
      assert.equal([done, left, queue.waiting + queue.active + queue.delayed], [200, 0, 0], log.join("\n"));
    } finally {
      server.stop();
    }
    assert.equal([...failuresOf(run)], []);
    const [expected, received] = [recordsOf(alone), recordsOf(run)];
    assert.equal([...received.keys()].sort(), [...expected.keys()].sort());
    for (const [path, [record]] of expected) for (const one of received.get(path)!) assert.equal(one, record);
    assert.equal(featureBytes(run), featureBytes(alone));
  });
}

test.run();
