// 200,000 random calls of all public ops: none may end the process, hang, reject with an error without code or
// argument, or return something other than the op's float64 reference. FUZZ_SEED chooses other calls; a failure prints
// seed and index, and `FUZZ_SEED=seed FUZZ_FIRST=index FUZZ_CALLS=1` repeats the call.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as ops from "#lib/ops.js";
import { describeCall } from "./fuzz/call.js";
import { models } from "./fuzz/models.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("fuzz");
const seed = Number(process.env.FUZZ_SEED ?? 1);
const first = Number(process.env.FUZZ_FIRST ?? 0);
const calls = Number(process.env.FUZZ_CALLS ?? 200_000);
const module = process.env.FUZZ_OPS ?? "dist/ops.js";
/** Seconds without a new call after which the process counts as hanging. */
const PATIENCE = 60;

const folder = temporaryFolder("fuzz");

interface Outcome {
  accepted: number;
  failures: string[];
}

/**
 * Runs the calls from `from` to below `to` in a process; a call that ends it is a failure, and the following calls
 * still run.
 */
async function runCalls(from: number, to: number): Promise<Outcome> {
  const place = join(folder, `${from}`);
  const { ended, output } = await runChild(from, to, place);
  const outcome: Outcome = {
    accepted: Number(/accepted (\d+)/.exec(output)?.[1] ?? 0),
    failures: output.split("\n").filter((line) => line.startsWith("FAILED")),
  };
  if (ended === "exit 0" || outcome.failures.length > 0) return outcome;
  const at = Number(readFileSync(place, "utf8"));
  outcome.failures.push(`FAILED ${describeCall(seed, at)}: ${ended} ${output}`);
  const rest = at + 1 < to ? await runCalls(at + 1, to) : { accepted: 0, failures: [] };
  return { accepted: outcome.accepted + rest.accepted, failures: [...outcome.failures, ...rest.failures].slice(0, 20) };
}

function runChild(from: number, to: number, place: string): Promise<{ ended: string; output: string }> {
  const args = ["--import", "tsx", "test/eager/fuzz/child.ts", module, seed, from, to, place].map(String);
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    let [output, last, hangs] = ["", "", false];
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
    const watch = setInterval(() => {
      const now = readFileSync(place, { encoding: "utf8", flag: "a+" });
      hangs = now === last;
      last = now;
      if (hangs) child.kill("SIGKILL");
    }, PATIENCE * 1000);
    child.on("close", (code, signal) => {
      clearInterval(watch);
      resolve({ ended: hangs ? "hangs" : code === null ? `ended by ${signal}` : `exit ${code}`, output });
    });
  });
}

test("every public op is called", () => {
  const others = ["allocate", "configure", "dispose", "runOp"];
  assert.equal(Object.keys(models).sort(), Object.keys(ops).filter((name) => !others.includes(name)).sort()); // prettier-ignore
});

test(`${calls} calls of seed ${seed}`, async () => {
  const half = first + Math.ceil(calls / 2);
  const parts = await Promise.all([runCalls(first, half), ...(calls > 1 ? [runCalls(half, first + calls)] : [])]);
  const failures = parts.flatMap((part) => part.failures);
  const accepted = parts.reduce((sum, part) => sum + part.accepted, 0);
  process.stdout.write(`\nseed ${seed}: ${accepted} of ${calls} calls accepted, ${failures.length} failures\n`);
  assert.is(failures.length, 0, failures.join("\n"));
  if (calls > 1000) assert.ok(accepted > calls / 3, `only ${accepted} calls were accepted`);
});

test.run();
