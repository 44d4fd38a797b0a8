// Runs of a small network on short videos for tests of the queue, by processes of the command line.
import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { makeVideo } from "../../scripts/make_samples.mjs";
import { CLI, jsonLines, videoclip } from "../support/command_line.js";

/** A network and a rule for clips that take a tenth of a second per video. */
export const SETTINGS = "--model s3d-tiny --preset shapes --random-weights 1 --fps 30 --stride 2 --frames 8".split(" ");

/** Makes videos of four seconds; every 20th has the same content. */
export async function makeRunVideos(folder: string, count: number): Promise<string[]> {
  mkdirSync(folder, { recursive: true });
  const paths: string[] = [];
  for (let i = 0; i < count; i++) {
    const path = join(folder, `${String(i).padStart(3, "0")}.mp4`);
    if (i < 20) await makeVideo(path, { seed: i + 1, frames: 120, width: 64, height: 64 });
    else copyFileSync(paths[i % 20], path);
    paths.push(path);
  }
  return paths;
}

/** Starts `videoclip work`. @param prefix begin of the command line */
export function startWorker(run: string, args: readonly string[], prefix: readonly string[] = []) {
  const command = [...prefix, process.execPath, CLI, "work", "--run", run, "--threads", "1", "--quiet", ...args];
  const child: ChildProcess = spawn(command[0], command.slice(1), { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr!.on("data", (text) => (said += text));
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.on("close", (code, signal) => resolve({ code, signal })),
  );
  return { child, ended, said: () => said };
}

/** The records of a results folder by path, without the times and parts; of repeated ones all. */
export function recordsOf(folder: string): Map<string, object[]> {
  const records = new Map<string, object[]>();
  for (const name of readdirSync(folder).filter((one) => /^manifest.*\.jsonl$/.test(one)))
    for (const { finished_at: _, ...record } of jsonLines(join(folder, name)))
      records.set(record.path, [...(records.get(record.path) ?? []), record]);
  return records;
}

/** The failures of a results folder, by path. */
export function failuresOf(folder: string): Map<string, { code: string; reason: string }> {
  const names = readdirSync(folder).filter((one) => /^failures.*\.jsonl$/.test(one));
  return new Map(names.flatMap((name) => jsonLines(join(folder, name)).map((entry) => [entry.path, entry])));
}

/** The bytes of the feature files of a folder, by name. */
export const featureBytes = (folder: string) =>
  Object.fromEntries(
    readdirSync(folder)
      .filter((name) => name.endsWith(".npy"))
      .sort()
      .map((name) => [name, readFileSync(join(folder, name), "hex")]),
  );

/** Extracts in one process, as the comparison. */
export function extractAlone(videos: string, out: string): void {
  if (existsSync(out)) return;
  const { status, stderr } = videoclip("extract", videos, ...SETTINGS, "--out", out, "--threads", "1", "--quiet");
  if (status !== 0) throw new Error(stderr);
}
