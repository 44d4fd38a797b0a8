// Servers of queues for tests: Redis and PostgreSQL, as Debian installs them, on free ports, with their data in a temporary folder.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface TestServer {
  /** The address of the queue, for a host name or address of this machine. */
  url(host?: string): string;
  /** Ends the server at once, as a crash does, and starts it again. */
  restart(): Promise<void>;
  /** Removes everything that the server holds. */
  flush(): void;
  stop(): void;
}

/** A port of 127.0.0.1 that nobody uses. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Tries until a command succeeds, at most for 20 seconds. */
async function until(command: string, args: readonly string[]): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (spawnSync(command, args, { stdio: "ignore" }).status === 0) return;
    await sleep(100);
  }
  throw new Error(`${command} ${args.join(" ")} does not succeed`);
}

/** Whether a command is on the path. */
export const hasCommand = (name: string) => spawnSync("sh", ["-c", `command -v ${name}`]).status === 0;

/** A Redis server; undefined if this machine has none. @param settings further arguments of redis-server */
export async function startRedis(folder: string, settings: readonly string[] = []): Promise<TestServer | undefined> {
  if (!hasCommand("redis-server")) return undefined;
  const port = await freePort();
  mkdirSync(folder, { recursive: true });
  let child: ChildProcess;
  const ping = ["-p", String(port), "ping"];
  const start = async () => {
    const files = ["--dir", folder, "--save", "", "--protected-mode", "no"];
    child = spawn("redis-server", ["--port", String(port), ...files, ...settings], { stdio: "ignore" });
    await until("redis-cli", ping);
  };
  await start();
  return {
    url: (host = "127.0.0.1") => `redis://${host}:${port}`,
    restart: async () => {
      const closed = new Promise((resolve) => child.once("close", resolve));
      child.kill("SIGKILL");
      await closed;
      await start();
    },
    flush: () => void spawnSync("redis-cli", ["-p", String(port), "flushall"]),
    stop: () => child.kill("SIGKILL"),
  };
}

/** A PostgreSQL server; undefined if this machine has none. */
export async function startPostgres(folder: string): Promise<TestServer | undefined> {
  const versions = existsSync("/usr/lib/postgresql") ? readdirSync("/usr/lib/postgresql").sort() : [];
  const bin = join("/usr/lib/postgresql", versions.at(-1) ?? "none", "bin");
  if (!existsSync(join(bin, "postgres"))) return undefined;
  const port = await freePort();
  const data = join(folder, "postgres");
  mkdirSync(data, { recursive: true });
  // the server refuses to run as root
  const isRoot = process.getuid?.() === 0;
  if (isRoot) {
    const id = (flag: string) => Number(spawnSync("id", [flag, "postgres"], { encoding: "utf8" }).stdout);
    chownSync(data, id("-u"), id("-g"));
    spawnSync("chmod", ["o+x", folder]);
  }
  const run = (command: string, ...args: string[]) => {
    const all = [join(bin, command), ...args];
    const { status, stderr } = isRoot
      ? spawnSync("setpriv", ["--reuid=postgres", "--regid=postgres", "--clear-groups", ...all], { encoding: "utf8", cwd: data }) // prettier-ignore
      : spawnSync(all[0], all.slice(1), { encoding: "utf8", cwd: data });
    if (status !== 0) throw new Error(`${command}: ${stderr}`);
  };
  run("initdb", "-D", data, "-U", "videoclip", "-A", "trust");
  spawnSync("sh", ["-c", `echo "host all all all trust" >> ${join(data, "pg_hba.conf")}`]);
  const start = () =>
    run("pg_ctl", "-D", data, "-w", "-l", join(data, "log"), "-o", `-p ${port} -k ${data} -c listen_addresses=*`, "start"); // prettier-ignore
  start();
  const psql = (text: string) =>
    spawnSync(join(bin, "psql"), ["-h", "127.0.0.1", "-p", String(port), "-U", "videoclip", "-d", "postgres", "-c", text], { encoding: "utf8" }); // prettier-ignore
  return {
    url: (host = "127.0.0.1") => `postgres://videoclip@${host}:${port}/postgres`,
    restart: async () => {
      run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop");
      start();
    },
    flush: () => void psql("TRUNCATE bullmq.job CASCADE"),
    stop: () => run("pg_ctl", "-D", data, "-m", "immediate", "stop"),
  };
}
