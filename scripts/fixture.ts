// npm run fixture -- FILE... : checks golden fixtures of models and ops; see scripts/fixtures/.
import { parseArgs } from "node:util";
import { createDevice } from "../dist/runtime/device.js";
import * as ops from "../dist/ops.js";
import { readFixture } from "./fixtures/case.js";
import { checkFixture, type GradientMode, type OutputCheck } from "./fixtures/check.js";
import { checkDidemo } from "./fixtures/didemo.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    device: { type: "string", default: "auto" },
    precision: { type: "string", default: "f32" },
    threads: { type: "string" },
    gradients: { type: "string", default: "auto" },
  },
});
if (positionals.length === 0 || !["auto", "required"].includes(values.gradients)) {
  console.error(
    "Usage: npm run fixture -- FILE... [--device auto|cpu|cuda] [--precision f32|bf16] [--threads N] [--gradients auto|required]",
  );
  process.exit(2);
}
const options = {
  device: values.device as "auto",
  precision: values.precision as "f32",
  ...(values.threads ? { threads: Number(values.threads) } : {}),
};
ops.configure(options);

let passed = 0;
let failed = 0;
let skipped = 0;

function report(checks: readonly OutputCheck[]): void {
  for (const check of checks) {
    if (check.skip) {
      skipped++;
      console.log(`  SKIP: ${check.skip}  ${check.name}`);
      continue;
    }
    if (check.passed) passed++;
    else failed++;
    const numbers = `relative L2 ${check.relativeL2.toExponential(2)}  max ${check.maxError.toExponential(2)}`;
    const note = check.maxError > check.tolerance ? " (max above)" : "";
    console.log(`  ${check.passed ? "ok  " : "FAIL"}  ${numbers}  tolerance ${check.tolerance}${note}  ${check.name}`);
  }
}

/** All outputs of a fixture of a model or op on a new device. */
async function checkFile(path: string): Promise<OutputCheck[]> {
  const fixture = readFixture(path);
  console.log(`${fixture.case.name} (${fixture.case.model})`);
  const device = createDevice(options);
  try {
    return await checkFixture(fixture, device, values.gradients as GradientMode);
  } finally {
    device.dispose();
  }
}

for (const path of positionals) {
  try {
    if (path.endsWith(".json")) {
      console.log("rankings of DiDeMo");
      report(checkDidemo(path));
    } else report(await checkFile(path));
  } catch (error) {
    failed++;
    console.log(`  FAIL  ${error instanceof Error ? error.stack : error}`);
  }
}
ops.dispose();
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed > 0 ? 1 : 0;
