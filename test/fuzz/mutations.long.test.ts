// A damaged checkpoint, tokenizer, array, index, manifest, video or picture loads or causes an error with a code; no
// crash, no hang, memory in proportion to the file. `--count N` damages N files and `--media N` videos and pictures; a
// failure prints FUZZ_SEED and FUZZ_FIRST, which repeat the case together with FUZZ_KIND.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { KINDS } from "./kinds.js";

const test = suite("mutations");
const option = (name: string, otherwise: number) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};
const seed = Number(process.env.FUZZ_SEED ?? 1);
const first = process.env.FUZZ_FIRST === undefined ? undefined : Number(process.env.FUZZ_FIRST);
const count = option("count", 12_000);
const media = option("media", 60);
/** Seconds without a new case after which the process counts as hanging. */
const PATIENCE = 60;
const folder = mkdtempSync(join(tmpdir(), "videoclip-mutations-"));
test.after(() => rmSync(folder, { recursive: true, force: true }));

interface Outcome {
  accepted: number;
  failures: string[];
  codes: Record<string, number>;
}

/** Runs cases in a process; a case that ends it is a failure, and the following cases still run. */
async function runCases(kind: string, from: number, to: number): Promise<Outcome> {
  const at = join(folder, `${kind}-${from}`);
  const { ended, output } = await runChild(kind, from, to, at);
  const { accepted, codes } = JSON.parse(/^RESULT (.*)$/m.exec(output)?.[1] ?? '{"accepted":0,"codes":{}}') as Outcome;
  const failures = output.split("\n").filter((line) => line.startsWith("FAILED"));
  rmSync(join(at, "x"), { recursive: true, force: true });
  if (ended === "exit 0" || failures.length > 0) return { accepted, failures, codes };
  const last = Number(readFileSync(join(at, "case"), "utf8"));
  failures.push(`FAILED ${kind} FUZZ_SEED=${seed} FUZZ_FIRST=${last}: ${ended} ${output.slice(-2000)}`);
  const rest = last + 1 < to ? await runCases(kind, last + 1, to) : { accepted: 0, failures: [], codes: {} };
  return { accepted: accepted + rest.accepted, failures: [...failures, ...rest.failures].slice(0, 20), codes };
}

function runChild(kind: string, from: number, to: number, at: string): Promise<{ ended: string; output: string }> {
  const args = ["--import", "tsx", "test/fuzz/child.ts", kind, `${seed}`, `${from}`, `${to}`, at];
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    let [output, last, hangs] = ["", "", false];
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
    const watch = setInterval(() => {
      let now: string;
      try {
        now = readFileSync(join(at, "case"), "utf8");
      } catch {
        return; // the preparation has not finished
      }
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

for (const [name, { share }] of Object.entries(KINDS)) {
  if (process.env.FUZZ_KIND !== undefined && process.env.FUZZ_KIND !== name) continue;
  const cases = first === undefined ? (name === "media" ? media : Math.ceil((count * share) / 1000)) : 1;
  test(`${name}: ${cases} damaged files`, async () => {
    const { accepted, failures, codes } = await runCases(name, first ?? 0, (first ?? 0) + cases);
    if (process.argv.includes("--count")) console.log(`${name}: ${cases} cases, ${accepted} accepted, ${JSON.stringify(codes)}`); // prettier-ignore
    assert.equal(failures, []);
    if (cases > 100) assert.ok(accepted > 0 && accepted < cases, `${accepted} of ${cases} accepted`);
  });
}

test.run();
