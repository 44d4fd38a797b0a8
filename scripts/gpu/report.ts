// node report.mjs FILE: what there is to compute with on this machine, on stdout and as JSON in FILE. Exit code 1 if the device
// cannot be opened.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createDevice, type DeviceName, deviceReport } from "../../dist/runtime/device.js";

const [file] = process.argv.slice(2);
const name = (process.env.VIDEOCLIP_DEVICE ?? "cuda") as DeviceName;
const report: Record<string, unknown> = { device: name, node: process.version, ...deviceReport() };
try {
  const device = createDevice({ device: name });
  report.hardware = device.hardware;
  device.dispose();
} catch (error) {
  report.error = (error as Error).message;
}
// written before nvidia-smi is asked, which may hang
if (file) writeFileSync(file, `${JSON.stringify(report, null, 1)}\n`);
process.stdout.write(`${JSON.stringify(report, null, 1)}\n`);
const smi = spawnSync("nvidia-smi", { encoding: "utf8", timeout: 4000, killSignal: "SIGKILL" });
process.stdout.write(smi.error ? `nvidia-smi: ${smi.error.message}\n` : `${smi.stdout}${smi.stderr}`);
process.exitCode = "error" in report ? 1 : 0;
