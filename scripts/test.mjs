// Runs test files in separate processes and adds up: the last line is `N passed, N failed`. A file NAME.NEED.test.ts needs something:
// `emulator` (the GPU kernels on the emulator, or on a GPU with VIDEOCLIP_DEVICE=cuda), `browser`, or `long` (more than 20 seconds).
// By default the files without a need run; `--full` runs all, `--need NEED` those of one need. Two files run at a time, one of them from
// the folders whose tests build and pack; `--alone` runs one at a time. A file that failed beside another one runs once more, alone.
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const full = process.argv.includes("--full");
const at = process.argv.indexOf("--need");
const need = at < 0 ? undefined : process.argv[at + 1];
if (need !== undefined && !["emulator", "browser", "long"].includes(need)) {
  process.stderr.write(`--need: expected emulator, browser or long, received ${need}\n`);
  process.exit(2);
}
const only = process.argv.slice(2).filter((argument, i) => !argument.startsWith("--") && i + 2 !== at + 1);
/** What a test file needs, or undefined. */
const needOf = (file) => /\.(emulator|browser|long)\.test\.ts$/.exec(file)?.[1];
const files = readdirSync(join(root, "test"), { recursive: true })
  .filter((file) => file.endsWith(".test.ts") && (full || needOf(file) === need))
  .filter((file) => only.length === 0 || only.some((text) => file.includes(text)))
  .map((file) => join(root, "test", file))
  .sort();

function run(file) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ["--import", "tsx", file], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk) => {
        output += chunk;
      });
    }
    // a hanging file fails alone
    const limit = setTimeout(() => child.kill("SIGKILL"), needOf(file) ? 1_800_000 : 240_000);
    child.on("close", (code) => {
      clearTimeout(limit);
      resolve({ code, output });
    });
  });
}

const count = (output, label) =>
  [...output.matchAll(new RegExp(`${label}:\\s+(\\d+)`, "g"))].reduce((sum, m) => sum + Number(m[1]), 0);

/** Lines of a failed file that are repeated at the end, where a long log is read first. */
const EXCERPT = 40;
/** What a failed file printed from its first failed test on; its last lines if it ended in another way. */
function excerpt(output) {
  const lines = output.trimEnd().split("\n");
  const first = lines.findIndex((line) => /^\s*FAIL /.test(stripVTControlCharacters(line)));
  return first < 0 ? lines.slice(-EXCERPT) : lines.slice(first, first + EXCERPT);
}

/** Failed files and their excerpts. */
const failures = [];
let passed = 0;
let failed = 0;
let skipped = 0;
/** Minutes by folder of test/. */
const minutes = new Map();
const partOf = (file) => relative(join(root, "test"), file).split(sep)[0];

/** Runs a file and prints its result. @param again whether a failure is not the last word @returns whether it passed */
async function judge(file, again) {
  const started = Date.now();
  const { code, output } = await run(file);
  const total = count(output, "Total");
  const good = count(output, "Passed");
  const bad = code === 0 && total > 0 ? total - good : Math.max(1, total - good);
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  minutes.set(partOf(file), (minutes.get(partOf(file)) ?? 0) + Number(seconds) / 60);
  const ends = bad > 0 && again ? "; runs once more, alone" : "";
  process.stdout.write(`${bad > 0 ? "FAIL" : "ok  "} ${relative(root, file)}: ${good} passed, ${seconds} s${ends}\n`);
  for (const line of output.split("\n").filter((text) => /^\s*SKIP/.test(text)))
    process.stdout.write(`     ${line.trim()}\n`);
  if (bad > 0) process.stdout.write(`${output}\n`);
  if (bad > 0 && again) return false;
  passed += good;
  failed += bad;
  skipped += count(output, "Skipped");
  if (bad > 0) failures.push(`FAIL ${relative(root, file)}\n${excerpt(output).join("\n")}\n`);
  return bad === 0;
}

/** Folders whose tests build, pack, or fill all cores: one of their files runs at a time. */
const HEAVY = new Set(["architecture", "docs", "examples", "models", "native", "onnx", "ops", "package", "scripts"]);
const alone = process.argv.includes("--alone") || process.env.VIDEOCLIP_DEVICE === "cuda" || availableParallelism() < 2;
const begun = Date.now();
if (alone) {
  for (const file of files) await judge(file, false);
} else {
  const [heavy, light] = [true, false].map((is) => files.filter((file) => HEAVY.has(partOf(file)) === is));
  const repeated = [];
  const lane = async (next) => {
    for (let file = next(); file !== undefined; file = next()) if (!(await judge(file, true))) repeated.push(file);
  };
  await Promise.all([lane(() => heavy.shift() ?? light.pop()), lane(() => light.shift())]);
  const recovered = [];
  for (const file of repeated) if (await judge(file, false)) recovered.push(relative(root, file));
  if (recovered.length > 0)
    process.stdout.write(`\nFailed beside another file, and passed alone: ${recovered.join(", ")}\n`);
}
if (failures.length > 0) process.stdout.write(`\nWhat failed, once more:\n${failures.join("\n")}\n`);
if (full) {
  const whole = (Date.now() - begun) / 60_000;
  const parts = [...minutes].sort(([, a], [, b]) => b - a).map(([part, time]) => `${part} ${time.toFixed(1)}`);
  process.stdout.write(`${whole.toFixed(1)} minutes, of the parts: ${parts.join(", ")}\n`);
}
process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
