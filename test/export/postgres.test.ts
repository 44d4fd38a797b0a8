// PostgreSQL takes the script of an export with psql and has the rows that were extracted. Without the extension pgvector, which
// Debian does not have, the features are read as texts.
import { spawn, spawnSync } from "node:child_process";
import { chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { exportFeatures } from "#lib/export/export_features.js";
import { parseLines } from "../support/command_line.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { addToStore, DIM, inOrder, oddEntries, timesOf, valuesOf } from "./feature_stores.js";

const test = suite("exports into PostgreSQL");
const root = temporaryFolder("postgres");

/** A user that may run a server: another one than root. */
function serverUser(): { uid?: number; gid?: number } | undefined {
  if (process.getuid?.() !== 0) return {};
  const ids = ["-u", "-g"].map((flag) => Number(spawnSync("id", [flag, "postgres"], { encoding: "utf8" }).stdout));
  return ids.every((id) => id > 0) ? { uid: ids[0], gid: ids[1] } : undefined;
}

/** Starts a server on a socket in a folder; undefined where there is none. */
async function startServer(): Promise<{ psql: (...args: string[]) => string; stop: () => Promise<void> } | undefined> {
  const user = serverUser();
  const missing = ["initdb", "postgres", "psql"].find((name) => spawnSync(name, ["--version"]).status !== 0);
  if (!user || missing !== undefined) return undefined;
  const [data, socket] = ["data", "socket"].map((name) => join(root, name));
  for (const folder of [root, data, socket]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (user.uid !== undefined) chownSync(folder, user.uid, user.gid!);
  }
  const options = { ...user, encoding: "utf8", cwd: root } as const;
  const made = spawnSync("initdb", ["-D", data, "-U", "tester", "-A", "trust", "--no-sync", "-E", "UTF8"], options);
  assert.is(made.status, 0, made.stderr);
  const server = spawn("postgres", ["-D", data, "-k", socket, "-c", "listen_addresses=", "-c", "fsync=off"], { ...user, cwd: root, stdio: "ignore" }); // prettier-ignore
  const ended = new Promise<void>((resolve) => server.on("exit", () => resolve()));
  process.on("exit", () => server.kill("SIGKILL"));
  const run = (args: string[]) => spawnSync("psql", ["-X", "-q", "-h", socket, "-U", "tester", "-d", "postgres", ...args], { encoding: "utf8" }); // prettier-ignore
  for (let i = 0; run(["-c", "select 1"]).status !== 0; i++) {
    assert.ok(i < 300 && server.exitCode === null, "the server does not start");
    await sleep(100);
  }
  const psql = (...args: string[]) => {
    const done = run(args);
    assert.is(done.status, 0, done.stderr);
    return done.stdout;
  };
  const stop = async () => {
    server.kill("SIGINT");
    await ended;
  };
  return { psql, stop };
}

test("psql reads odd names, times and features", async () => {
  const server = await startServer();
  if (!server) return void process.stdout.write("SKIP exports into PostgreSQL: there is no server or no user for it\n");
  try {
    const entries = oddEntries();
    addToStore(join(root, "features"), entries);
    const plain = join(root, "plain");
    mkdirSync(plain);
    writeFileSync(join(plain, "a.npy"), readFileSync(join(root, "features", "0.npy")));
    const out = join(root, "video_features.sql");
    const read = async (folder: string) => {
      await exportFeatures(folder, { to: "pgvector", out, force: true });
      const script = readFileSync(out, "utf8");
      const changed = script.replace("CREATE EXTENSION IF NOT EXISTS vector;\n", "").replace(`feature vector(${DIM})`, "feature text"); // prettier-ignore
      assert.is(
        script.length - changed.length,
        "CREATE EXTENSION IF NOT EXISTS vector;\n".length + "vector(6)".length - 4,
      );
      writeFileSync(out, changed);
      server.psql("-c", "drop table if exists video_features");
      server.psql("-f", out);
      const rows = server.psql(
        "-A",
        "-t",
        "-c",
        'select row_to_json(f) from video_features f order by path collate "C", clip',
      );
      return parseLines(rows).map((row) => ({ ...row, feature: JSON.parse(row.feature) }));
    };
    const wanted = inOrder(entries).flatMap(({ path, clips, partial = false }) => {
      const values = valuesOf(path, clips);
      return timesOf(clips).map(([start_seconds, end_seconds], clip) => {
        const feature = Array.from(values.subarray(clip * DIM, (clip + 1) * DIM));
        return { path, clip, start_seconds, end_seconds, duration: clips + 0.5, partial, feature };
      });
    });
    assert.equal(await read(join(root, "features")), wanted);
    const unknown = { start_seconds: null, end_seconds: null, duration: null, partial: false };
    const feature = Array.from(valuesOf(entries[0].path, 1));
    assert.equal(await read(plain), [{ path: "a", clip: 0, ...unknown, feature }]);
  } finally {
    await server.stop();
  }
});

test.run();
