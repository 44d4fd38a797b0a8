import { availableParallelism } from "node:os";
import { Command } from "commander";
import { deviceReport } from "../runtime/device.js";
import { decoderInfo } from "../video/info.js";

/** `videoclip doctor`: reports what works on this machine and why other parts do not. */
export function doctorCommand(): Command {
  return new Command("doctor")
    .description("Tell what works on this machine")
    .option("--json", "machine-readable output")
    .action(async (flags: { json?: boolean | undefined }) => {
      const report = {
        node: process.version,
        platform: `${process.platform}-${process.arch}`,
        ...deviceReport(),
        decoder: await decoderInfo(),
      };
      if (flags.json) {
        process.stdout.write(`${JSON.stringify(report)}\n`);
      } else {
        const { addon, bf16, cuda, decoder, matrixUnit } = report;
        process.stdout.write(
          `${[
            `node             ${report.node} (${report.platform})`,
            `addon            ${"path" in addon ? addon.path : `not loaded: ${addon.error}`}`,
            `instruction set  ${report.isa ?? "-"} (available: ${report.isas.join(", ") || "-"})`,
            `bf16             ${bf16.usable ? "faster than f32" : `not used: ${bf16.reason}`}`,
            `matrix unit      ${matrixUnit.usable ? "AMX" : `not used: ${matrixUnit.reason}`}`,
            `threads          ${report.threads}${report.cpuQuota === undefined ? "" : ` (a quota allows ${report.cpuQuota} of ${availableParallelism()} cores)`}`,
            `cuda             ${cuda.usable ? "usable" : `not usable: ${cuda.reason}`}`,
            `node-av          ${decoder.nodeAv ?? "not installed: npm install node-av"}`,
            `ffmpeg           ${decoder.ffmpeg ?? "not found"}`,
          ].join("\n")}\n`,
        );
      }
      if ("error" in report.addon) process.exitCode = 1;
    });
}
