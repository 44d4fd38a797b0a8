// npm run bench:gpu [-- NAME...] [--engine videoclip|eager|compiled]... [--runs N] [--limit SECONDS] [--out FILE]: times of the
// kernels by the GPU's clock, as shares of a copy and of a large matrix product in the same run; PyTorch for comparison, if there is
// a python3 with torch. FILE is written after each case, and rows that it has already stay.
// Exit codes: 1 if a case failed, 77 if PyTorch was all that was asked for and is not there.
import { parseArgs } from "node:util";
import { note } from "../../test/support/journal.js";
import { createDevice, type DeviceName } from "../../dist/runtime/device.js";
import { CASES, CEILINGS, COMPILED, type GpuCase, SMALL_CASES, SMALL_CEILINGS } from "./cases.js";
import { measure } from "./measure.js";
import { Results, type TorchTimes } from "./results.js";
import { measureTorch, NoTorchError } from "./torch.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    engine: { type: "string", multiple: true, default: ["videoclip", "eager", "compiled"] },
    runs: { type: "string", default: "20" },
    limit: { type: "string", default: "60" },
    out: { type: "string" },
    device: { type: "string", default: process.env.VIDEOCLIP_DEVICE ?? "cuda" },
  },
});
const [runs, limit] = [Number(values.runs), Number(values.limit)];
const emulated = values.device.startsWith("cuda-emulated");
const ceilings = emulated ? SMALL_CEILINGS : CEILINGS;
const chosen = [ceilings.copy, ceilings.matmul, ...(emulated ? SMALL_CASES : CASES)].filter(
  ({ bench }) => positionals.length === 0 || bench === "ceiling" || positionals.includes(bench),
);

/** Our times. Returns whether all cases were measured; a lost device ends them, because only a new process can use it. */
async function runOurs(results: Results): Promise<boolean> {
  const device = createDevice({ device: values.device as DeviceName, precision: "bf16" });
  results.describe({ gpu: device.hardware, runs });
  for (const { bench, name } of chosen) note({ unit: bench, test: name, state: "planned" });
  let good = true;
  for (const c of chosen) {
    const [unit, test] = [c.bench, c.name];
    note({ unit, test, state: "begin" });
    try {
      const row = await measure(c, device, runs);
      results.add(unit, test, { ...row, error: undefined });
      note({ unit, test, state: "passed" });
    } catch (error) {
      good = false;
      const { code, message } = error as { code?: string; message: string };
      process.stderr.write(`${c.name}: ${code ?? "error"}: ${message}\n`);
      results.add(unit, test, { error: `${code ?? "error"}: ${message}` });
      note({ unit, test, state: "failed", code, message });
      if (code === "ERR_DEVICE_LOST") return false;
    }
  }
  device.dispose();
  return good;
}

/** PyTorch's times: all cases eagerly, a few compiled. Returns whether none failed. */
async function runTorch(results: Results, mode: "eager" | "compiled"): Promise<boolean> {
  const cases =
    mode === "eager"
      ? chosen
      : COMPILED.flatMap((begin) => chosen.filter(({ name }) => name.startsWith(begin)).slice(0, 1));
  let good = true;
  const give = ({ bench, name }: GpuCase, torch: TorchTimes) => {
    if (torch.error) process.stderr.write(`PyTorch, ${mode}, ${name}: ${torch.error}\n`);
    good &&= torch.error === undefined;
    results.add(bench, name, { torch });
  };
  await measureTorch(cases, { mode, runs, device: values.device, limit }, give);
  return good;
}

const results = new Results(values.out);
const failures: string[] = [];
for (const engine of ["videoclip", "eager", "compiled"] as const) {
  if (!values.engine.includes(engine)) continue;
  try {
    if (!(engine === "videoclip" ? await runOurs(results) : await runTorch(results, engine))) {
      failures.push(`${engine}: cases failed`);
    }
  } catch (error) {
    if (!(error instanceof NoTorchError)) {
      failures.push(`${engine}: ${(error as Error).message}`);
      continue;
    }
    process.stdout.write(`SKIP PyTorch: ${error.message}\n`);
    if (values.engine.length === 1) process.exitCode = 77;
    break;
  }
}
results.addShares(ceilings);
results.print();
for (const failure of failures) process.stderr.write(`${failure}\n`);
if (failures.length > 0) process.exitCode = 1;
