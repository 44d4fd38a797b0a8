// The pack for a bare machine with a GPU, built and run in an empty folder outside the clone: with the emulator in the place of the
// GPU, and stand-ins for nvidia-smi, for a python3 that hangs, for a sanitizer that refuses the device, and for a kernel that crashes.
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("the pack for a GPU");
const folder = mkdtempSync(join(tmpdir(), "videoclip-gpu-"));
test.after(() => rmSync(folder, { recursive: true }));
const [pack, results, bin] = ["gpu-pack", "results", "bin"].map((name) => join(folder, name));
const MEGABYTE = 1e6;

interface Step {
  step: string;
  result: string;
  reason?: string;
  passed?: number;
  failed?: string[];
  repeated?: { unit: string; result: string; signal: string | null; log: string }[];
  notRepeated?: string[];
}

function build(...options: string[]) {
  return spawnSync(process.execPath, ["scripts/pack_gpu.mjs", ...options], { cwd: resolve("."), encoding: "utf8" });
}

/** An executable on the path of the run. */
function standIn(name: string, script: string): void {
  writeFileSync(join(bin, name), script);
  chmodSync(join(bin, name), 0o755);
}

/** Runs gpu.sh of the pack where nothing else is: only the tools that the shell needs, and the stand-ins. */
function run(args: string[], env: Record<string, string>) {
  return spawnSync("/bin/sh", [join(pack, "gpu.sh"), ...args], {
    cwd: folder,
    encoding: "utf8",
    env: { PATH: bin, HOME: folder, VIDEOCLIP_DEVICE: "cuda-emulated", ...env },
  });
}

function readSummary(): { good: boolean; steps: Map<string, Step> } {
  const { good, steps } = JSON.parse(readFileSync(join(results, "summary.json"), "utf8")) as {
    good: boolean;
    steps: Step[];
  };
  return { good, steps: new Map(steps.map((step) => [step.step, step])) };
}

test("a pack above its limit is an error with the sizes", () => {
  const { status, stderr } = build("--local", "--limit", "1");
  assert.is(status, 1, stderr);
  assert.match(stderr, /expected at most 1 MB, received \d+\.\d MB: .*build \d+\.\d/);
});

test("folder and archive take at most 60 MB, and have Node", () => {
  const { status, stdout, stderr } = build();
  assert.is(status, 0, stdout + stderr);
  assert.ok(statSync("build/gpu-pack.tgz").size <= 60 * MEGABYTE);
  const files = readdirSync("build/gpu-pack", { recursive: true, encoding: "utf8" });
  const sum = files.reduce((bytes, file) => bytes + statSync(join("build/gpu-pack", file)).size, 0);
  assert.ok(sum <= 60 * MEGABYTE, `${sum} bytes`);
  for (const file of ["gpu.sh", "node.xz", "build/Release/videoclip.node.xz"]) assert.ok(files.includes(file), file);
  const { status: unpacked } = spawnSync("tar", ["-xzf", resolve("build/gpu-pack.tgz"), "-C", folder]);
  assert.is(unpacked, 0);
});

test("without a GPU the run says so and ends", () => {
  mkdirSync(bin);
  for (const tool of ["sh", "dirname", "xz", "chmod", "mv", "rm"]) {
    const path = spawnSync("/bin/sh", ["-c", `command -v ${tool}`], { encoding: "utf8" }).stdout.trim();
    symlinkSync(path, join(bin, tool));
  }
  const { status, stdout } = run(["test", results], { VIDEOCLIP_DEVICE: "cuda:99" });
  assert.is(status, 1, stdout);
  assert.match(stdout, /CUDA cannot be used/);
  assert.equal([...readSummary().steps.keys()], ["device"]);
});

test("a step in which no test runs has failed, and one that cannot run here is listed as skipped", () => {
  const limits = "networks=0,runtime=0,torch compiled=0,sanitizer=0";
  const { status, stdout } = run(["all", results, "--quick"], { VIDEOCLIP_OPS: "none", VIDEOCLIP_GPU_LIMITS: limits });
  assert.is(status, 1, stdout);
  const { steps } = readSummary();
  assert.equal([...steps.keys()], ["device", "conformance", "bench", "torch eager"]);
  assert.equal([steps.get("conformance")!.result, steps.get("conformance")!.reason], ["failed", "no test ran"]);
  assert.is(steps.get("torch eager")!.result, "skipped", stdout);
  assert.match(steps.get("torch eager")!.reason!, /python3/);
});

test("a wrong limit or part is an error", () => {
  assert.is(run(["all", results], { VIDEOCLIP_GPU_LIMITS: "nothing=3" }).status, 2);
  assert.is(run(["tests", results], {}).status, 2);
});

test("every step has its result although two of them hang or crash", () => {
  standIn("nvidia-smi", "#!/bin/sh\necho stand-in for a GPU\n");
  standIn("python3", "#!/bin/sh\n/bin/sleep 600 &\n/bin/sleep 600\n");
  standIn("compute-sanitizer", "#!/bin/sh\necho '========= Error: Device not supported.'\nexit 1\n");
  // ends the process when the tests of `binary` begin, as a crash of its kernel would
  const conformance = join(pack, "dist/gpu/conformance.mjs");
  renameSync(conformance, join(pack, "dist/gpu/whole.mjs"));
  writeFileSync(
    conformance,
    `import fs from "node:fs";
    import { syncBuiltinESMExports } from "node:module";
    const { appendFileSync } = fs;
    fs.appendFileSync = (file, text) => {
      appendFileSync(file, text);
      if (/"binary".*"begin"/.test(text)) process.kill(process.pid, "SIGSEGV");
    };
    syncBuiltinESMExports();
    console.log("checked:", process.env.VIDEOCLIP_CUDA_CHECK);
    await import("./whole.mjs");`,
  );
  const { status, stdout, stderr } = run(["all", results], {
    VIDEOCLIP_OPS: "unary,slice,binary",
    VIDEOCLIP_DTYPES: "bf16",
    VIDEOCLIP_NETWORKS: "X3D-XS",
    VIDEOCLIP_GPU_LIMITS:
      "device=30,conformance=120,conformance without Hopper kernels=120,networks=120,runtime=180,bench=120,torch eager=4,torch compiled=3,repeats=120",
  });
  const output = stdout + stderr;
  assert.is(status, 1, output);
  const { good, steps } = readSummary();
  assert.is(good, false);
  const ends = Object.fromEntries([...steps.values()].map(({ step, result }) => [step, result]));
  const expected = {
    device: "passed",
    conformance: "crashed",
    "conformance without Hopper kernels": "passed",
    networks: "passed",
    runtime: "passed",
    bench: "passed",
    "torch eager": "timed out",
    "torch compiled": "timed out",
    sanitizer: "skipped",
  };
  assert.equal(ends, expected, output);
  // the summary names both, in the file and on stdout
  assert.is(steps.get("conformance")!.reason, "SIGSEGV in binary");
  assert.match(steps.get("torch eager")!.reason!, /^killed after 4 s/);
  assert.match(output, /^conformance .* crashed .*SIGSEGV in binary$/m);
  assert.match(output, /^torch eager .* timed out .*killed after 4 s/m);
  assert.match(output, /^sanitizer .* skipped .*Device not supported$/m);
  assert.match(output, /InfoNCE 64 x 32/);
  assert.match(readFileSync(join(results, "device.log"), "utf8"), /stand-in for a GPU/);
  // results of the others are there
  for (const [name, least] of [
    ["networks", 2],
    ["runtime", 6],
    ["bench", 5],
  ] as const) {
    const { passed, failed } = steps.get(name)!;
    assert.ok(passed! >= least, `${name}: ${passed}`);
    assert.equal(failed, []);
  }
  const rows = readdirSync(results).find((name) => /^emulator-\d{4}-\d\d-\d\d\.json$/.test(name));
  const bench = JSON.parse(readFileSync(join(results, rows!), "utf8")) as {
    rows: { ms: number; roofline: number; clips_per_s?: number }[];
  };
  assert.ok(bench.rows.length >= 5);
  for (const { ms, roofline } of bench.rows) assert.ok(ms > 0 && roofline > 0);
  assert.ok(bench.rows.some((row) => row.clips_per_s! > 0));
});

test("the ops from the crashed one on are repeated, each in a checked process", () => {
  const { repeated, notRepeated } = readSummary().steps.get("conformance")!;
  const ends = new Map(repeated!.map((end) => [end.unit, end]));
  assert.equal(notRepeated, []);
  assert.is(ends.get("binary")!.signal, "SIGSEGV");
  const others = repeated!.filter(({ unit }) => unit !== "binary");
  assert.ok(others.length > 0);
  for (const { unit, result } of others) assert.is(result, "passed", unit);
  for (const { log } of repeated!) assert.match(readFileSync(join(results, log), "utf8"), /checked: 1/);
  assert.match(readFileSync(join(results, "conformance.log"), "utf8"), /checked: undefined/);
});

test.run();
