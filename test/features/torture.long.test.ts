// 300 inputs of all kinds, random faults of the disk and kills at random moments: afterwards every record is true,
// every feature equals that of an undisturbed run, and every input is listed once. TORTURE_SEED chooses other inputs,
// faults and moments.
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ByteFile } from "#lib/weights/byte_file.js";
import { readNpy } from "#lib/weights/read_npy.js";
import { faultyDisk } from "../support/faulty_disk.js";
import { bytes, features } from "./tiny_extraction.js";
import { numbers, type TortureFolder, writeTortureFolder } from "./torture_inputs.js";
import { CLI, jsonLines } from "../support/command_line.js";
import { keptNames } from "../support/kept_names.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("torture");
const SEED = Number(process.env.TORTURE_SEED ?? 1);
const ROUNDS = Number(process.env.TORTURE_ROUNDS ?? 8);
/** Failing changes of the disk per thousand. */
const PER_MILLE = 6;
const root = temporaryFolder("torture");
const inputs = join(root, "inputs");
const [reference, out] = [join(root, "reference"), join(root, "out")];
const next = numbers(SEED + 1000);
let written: TortureFolder;
let summary: { omitted: { endings: Record<string, number>; folders: Record<string, number>; pictures: number } };

const command = (folder: string, ...more: string[]) => [
  CLI,
  ..."extract --model s3d-tiny --preset shapes --random-weights 1 --frames 4 --stride 4 --threads 1".split(" "),
  ...["--out", folder, inputs, ...more],
];

test.before(async () => {
  written = await writeTortureFolder(inputs, join(root, "spare"), SEED);
});
test.after(() => {
  if (existsSync(join(inputs, "locked/unreadable.mp4"))) chmodSync(join(inputs, "locked/unreadable.mp4"), 0o600);
});

/** The parts that must be equal in both runs: records and failures without times, sorted. */
function records(folder: string) {
  const lines = (name: string) => (existsSync(join(folder, name)) ? jsonLines(join(folder, name)) : []);
  const last = new Map(lines("manifest.jsonl").map((entry) => [entry.path, entry]));
  const failed = new Map(lines("failures.jsonl").map((entry) => [entry.path, entry]));
  const plain = ([, entry]: [string, object]) =>
    JSON.stringify({ ...entry, finished_at: undefined, failed_at: undefined });
  return { last, failed, finished: [...last].map(plain).sort(), failures: [...failed].map(plain).sort() };
}

/** Checks that each record names complete, finite features with as many rows as clips. */
function checkRecords(folder: string): void {
  for (const [path, entry] of records(folder).last) {
    const file = new ByteFile(join(folder, entry.file));
    const { shape, data } = readNpy(file);
    file.close();
    assert.equal(shape, [entry.clips, entry.settings.dim], path);
    assert.is(entry.timestamps.length, entry.clips, path);
    assert.ok([...(data as Float64Array)].every(Number.isFinite), `${path}: a value is not finite`);
  }
}

const sum = (counts: Record<string, number>) => Object.values(counts).reduce((total, count) => total + count, 0);

test("an undisturbed run lists every input once", () => {
  const run = spawnSync(process.execPath, command(reference, "--json"), { encoding: "utf8", maxBuffer: 1 << 28 });
  assert.is(run.status, 1, run.stderr);
  assert.not.match(run.stderr, /\n +at /);
  summary = JSON.parse(run.stdout.trim().split("\n").at(-1)!);
  const { last, failed } = records(reference);
  const both = [...last.keys()].filter((path) => failed.has(path) && !last.get(path).partial);
  assert.equal(both, [], "no finished video is listed as failed");
  assert.is(new Set([...last.keys(), ...failed.keys()]).size, written.inputs);
  const { endings, folders, pictures } = summary.omitted;
  assert.is(sum(endings) + sum(folders) + pictures, written.omitted, JSON.stringify(summary.omitted));
  assert.ok(last.size > 120 && failed.size > 40, `${last.size} finished, ${failed.size} failed`);
  assert.is(jsonLines(join(reference, "manifest.jsonl")).length, last.size, "each video has one record");
  checkRecords(reference);
});

/** Runs to the end, or sends a signal some milliseconds after the manifest has grown by `more` lines. */
async function disturbed(env: NodeJS.ProcessEnv, more: number, wait: number, signal: NodeJS.Signals | undefined) {
  const manifest = join(out, "manifest.jsonl");
  const size = () => statSync(manifest, { throwIfNoEntry: false })?.size ?? 0;
  const child = spawn(process.execPath, command(out, "--resume", "--quiet"), { env, stdio: ["ignore", "ignore", "pipe"] }); // prettier-ignore
  let stderr = "";
  child.stderr.on("data", (chunk) => (stderr += chunk));
  const goal = size() + more * 400; // bytes per line
  let due: NodeJS.Timeout | undefined;
  const watch = setInterval(() => {
    if (signal && !due && size() >= goal) due = setTimeout(() => child.kill(signal), wait);
  }, 10);
  const ended = await new Promise<string | number | null>((resolve) =>
    child.on("close", (code, by) => resolve(by ?? code)),
  );
  clearInterval(watch);
  clearTimeout(due);
  return { ended, stderr };
}

test(`after ${ROUNDS} runs with disk faults and signals, an undisturbed run gives the same result`, async () => {
  const disk = faultyDisk(root);
  if (!disk) console.log("SKIP the faults of the disk: no C compiler");
  const ends: Record<string, number> = {};
  let refused = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const faulty = disk && round % 2 === 0;
    const faults = { under: out, perMille: PER_MILLE, seed: SEED * 1000 + round };
    // the disk ends the first round for certain, and a signal the second one, when the features are far from complete
    const env = faulty ? disk(round === 0 ? { ...faults, changes: 20 + next(60) } : faults) : process.env;
    const signal = round < 2 ? "SIGKILL" : (["SIGKILL", "SIGKILL", "SIGTERM", "SIGINT"] as const)[next(4)];
    const unsignalled = round === 0 || (faulty && next(2) === 1);
    const [more, wait] = round < 2 ? [1 + next(12), next(50)] : [1 + next(24), next(300)];
    const { ended, stderr } = await disturbed(env, more, wait, unsignalled ? undefined : signal);
    const description = `seed ${SEED}, round ${round}: ended by ${ended}: ${stderr}`;
    ends[String(ended)] = (ends[String(ended)] ?? 0) + 1;
    assert.ok([0, 1, 130, 143, "SIGKILL"].includes(ended!), description);
    assert.not.match(stderr, /\n +at /, description);
    if (stderr.includes("[ERR_WRITE]")) refused++;
    if (existsSync(out)) checkRecords(out);
  }
  const last = spawnSync(process.execPath, command(out, "--resume", "--quiet"), { encoding: "utf8" });
  assert.is(last.status, 1, last.stderr);
  const [ours, theirs] = [records(out), records(reference)];
  assert.equal(ours.failures, theirs.failures);
  assert.equal(ours.finished, theirs.finished);
  assert.equal(features(out), features(reference));
  assert.equal(bytes(out), bytes(reference));
  assert.equal(keptNames(out), keptNames(reference), "no lock and no temporary file is left");
  assert.ok(ends.SIGKILL > 0 && (!disk || refused > 0), `${refused} ended by the disk: ${JSON.stringify(ends)}`);
  const retried = spawnSync(process.execPath, command(out, "--retry-failed", "--quiet"), { encoding: "utf8" });
  assert.is(retried.status, 1, retried.stderr);
  assert.equal(records(out).failures, theirs.failures);
  assert.equal(records(out).finished, theirs.finished);
  assert.not.ok(readFileSync(join(out, "manifest.jsonl"), "utf8").includes("\0"));
});

test.run();
