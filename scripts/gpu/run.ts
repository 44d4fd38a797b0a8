// node run.mjs [test|bench|all] [FOLDER] [--quick]: all steps on a GPU, each under its time limit. Logs, results and summary.json
// are in FOLDER (default: gpu-results beside the pack). A failing step does not stop the next; the exit code is 1 if any failed.
//   VIDEOCLIP_DEVICE      the device, default cuda
//   VIDEOCLIP_GPU_LIMITS  other limits in seconds, such as "conformance=30,torch eager=0"; 0 leaves the step out
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Results } from "../../bench/gpu/results.js";
import { type Outcome, runLimited } from "./child.js";
import { readJournal, repeatUnits, type Repetition, unfinished } from "./repeat.js";
import { type Context, type Part, REPEATS, SKIPPED, type Step, STEPS } from "./steps.js";

/** A step in summary.json. */
interface Summary extends Partial<Omit<Outcome, "result">> {
  step: string;
  limit: number;
  result: Outcome["result"] | "skipped";
  reason?: string | undefined;
  log?: string;
  /** Numbers of tests, and the names of those that failed. */
  passed?: number;
  failed?: string[];
  repeated?: Repetition[];
  /** Units that should have been repeated, but there was no time. */
  notRepeated?: string[];
}

/** Failed tests that are printed for a step; summary.json has all. */
const MAX_NAMES = 10;

const programs = dirname(fileURLToPath(import.meta.url));
const { values, positionals } = parseArgs({ allowPositionals: true, options: { quick: { type: "boolean" } } });
const [part = "all", folder = join(programs, "../../../gpu-results")] = positionals;
if (!["test", "bench", "all"].includes(part) || positionals.length > 2) {
  process.stderr.write("usage: gpu.sh [test|bench|all] [FOLDER] [--quick]\n");
  process.exit(2);
}
const results = resolve(folder);
const mode = values.quick ? "quick" : "full";
const device = process.env.VIDEOCLIP_DEVICE ?? "cuda";
const context: Context = { programs, results, device, quick: mode === "quick", rows: "" };
/** Limits of the environment by name of the step, or `repeats`. */
const given = new Map<string, number>();
for (const text of (process.env.VIDEOCLIP_GPU_LIMITS ?? "").split(",").filter(Boolean)) {
  const [name, seconds] = text.split("=");
  if (!(Number(seconds) >= 0) || ![...STEPS.map((step) => step.name), "repeats"].includes(name)) {
    process.stderr.write(`VIDEOCLIP_GPU_LIMITS: expected STEP=SECONDS, received ${text}\n`);
    process.exit(2);
  }
  given.set(name, Number(seconds));
}
const limitOf = ({ name, limit }: Step): number => given.get(name) ?? limit[mode];
let repeatSeconds = given.get("repeats") ?? REPEATS[mode];

/** Runs a step, and its unfinished units again if its process was lost. */
async function runStep(step: Step): Promise<Summary> {
  const limit = limitOf(step);
  const command = step.command(context, limit);
  if ("skip" in command) return { step: step.name, limit, result: "skipped", reason: command.skip };
  const name = step.name.replaceAll(" ", "-");
  const [log, journal] = [join(results, `${name}.log`), join(results, `${name}.jsonl`)];
  for (const file of [log, journal]) rmSync(file, { force: true });
  const env = { ...command.env, VIDEOCLIP_JOURNAL: journal };
  const outcome = await runLimited({ ...command, env }, limit, log);
  const lines = readJournal(journal);
  const summary: Summary = { step: step.name, limit, ...outcome, log: basename(log) };
  if (lines.length > 0) {
    summary.passed = lines.filter(({ state }) => state === "passed").length;
    summary.failed = lines.filter(({ state }) => state === "failed").map(({ test }) => test);
  }
  if (outcome.result === "passed" && step.repeat && !summary.passed) {
    return { ...summary, result: "failed", reason: "no test ran" };
  }
  if (outcome.result === "passed") return summary;
  const output = readFileSync(log, "utf8");
  const skip = outcome.code === SKIPPED ? /^SKIP.*$/m.exec(output) : step.impossible?.exec(output);
  if (skip) return { ...summary, result: "skipped", reason: skip[0] };
  const units = unfinished(outcome, lines);
  const last = lines.length === 0 ? `: ${output.trim().split("\n").at(-1)}` : "";
  summary.reason = `${reason(outcome, units, limit)}${last}`;
  if (!units || !step.repeat) return summary;
  const begin = performance.now();
  const { repeated, left } = await repeatUnits(step, units, context, repeatSeconds);
  repeatSeconds -= (performance.now() - begin) / 1e3;
  return { ...summary, repeated, notRepeated: left };
}

function reason({ result, code, signal }: Outcome, units: string[] | undefined, limit: number): string {
  const where = units?.length ? ` in ${units[0]}` : "";
  if (result === "timed out") return `killed after ${limit} s${where}`;
  if (result === "crashed") return `${signal ?? `exit code ${code}`}${where}`;
  return units ? `the device was lost${where}` : `exit code ${code}`;
}

/** File of the bench's rows, named after the hardware that the first step has found. */
function rowsFile(): string {
  let name = "bench";
  try {
    const { hardware } = JSON.parse(readFileSync(join(results, "device.json"), "utf8")) as { hardware?: string };
    if (hardware) name = hardware.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  } catch {
    // the first step did not get so far
  }
  return join(results, `${name}-${new Date().toISOString().slice(0, 10)}.json`);
}

/** Writes the summary again after each step, so that it survives the end of the runner. */
function write(steps: Summary[], good: boolean | undefined): void {
  const file = join(results, "summary.json");
  const date = new Date().toISOString();
  writeFileSync(
    `${file}.part`,
    `${JSON.stringify({ part, mode, device, date, node: process.version, good, steps }, null, 1)}\n`,
  );
  renameSync(`${file}.part`, file);
}

function print(summary: Summary): void {
  const { step, seconds = 0, limit, result, reason = "", passed, failed, repeated = [] } = summary;
  const tests = passed === undefined ? "" : `${passed} passed, ${failed?.length} failed`;
  const columns = [step.padEnd(15), seconds.toFixed(1).padStart(7), String(limit).padStart(6), result.padEnd(10)];
  process.stdout.write(`${columns.join(" ")} ${[tests, reason].filter(Boolean).join("; ")}\n`);
  for (const test of failed?.slice(0, MAX_NAMES) ?? []) process.stdout.write(`  failed: ${test}\n`);
  for (const { unit, result: end, signal, error } of repeated) {
    process.stdout.write(`  ${unit}: ${[end, signal, error].filter(Boolean).join(", ")}\n`);
  }
  for (const unit of summary.notRepeated ?? []) process.stdout.write(`  ${unit}: not repeated, no time was left\n`);
}

mkdirSync(results, { recursive: true });
rmSync(join(results, "device.json"), { force: true });
const steps: Summary[] = [];
process.stdout.write(`${"step".padEnd(15)} seconds  limit result\n`);
for (const step of STEPS) {
  if (part !== "all" && step.part !== "all" && step.part !== (part as Part)) continue;
  if (limitOf(step) === 0) continue;
  const summary = await runStep(step);
  steps.push(summary);
  write(steps, undefined);
  print(summary);
  if (step.name !== "device") continue;
  context.rows = rowsFile();
  rmSync(context.rows, { force: true }); // of a run before
  if (summary.result === "failed") {
    process.stdout.write(readFileSync(join(results, summary.log!), "utf8"));
    process.stdout.write("The device cannot be used, so the other steps do not run.\n");
    break;
  }
}
const good = steps.every(({ result }) => result === "passed" || result === "skipped");
write(steps, good);
if (existsSync(context.rows)) new Results(context.rows).print();
process.stdout.write(`${results}: ${good ? "all steps passed or were skipped" : "steps failed"}\n`);
process.exit(good ? 0 : 1);
