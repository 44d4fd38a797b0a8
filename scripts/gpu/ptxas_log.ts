// What ptxas says of the kernels when the GPU file is built: build/device_code/**/*.fatbin.log.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface CompiledKernel {
  /** Readable where `c++filt` is installed: `void videoclip::cuda::fill_op::fill_kernel<float, 4>(...)`. */
  kernel: string;
  architecture: string;
  spillBytes: number;
  stackBytes: number;
  registers: number;
}

/** The logs below a folder, by path. */
export const logsOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".fatbin.log"))
    .sort();

/** The kernels of a log. */
export function readLog(text: string): CompiledKernel[] {
  const parts = text.split("Compiling entry function ").slice(1);
  const symbols = parts.map((part) => part.match(/^'([^']+)'/)![1]);
  const names = spawnSync("c++filt", ["-p"], { input: symbols.join("\n"), encoding: "utf8" });
  const readable = names.status === 0 ? names.stdout.trim().split("\n") : [];
  return parts.map((part, i) => {
    const number = (pattern: RegExp) => Number(part.match(pattern)?.[1] ?? Number.NaN);
    return {
      kernel: readable[i] ?? symbols[i],
      architecture: part.match(/for '(\w+)'/)![1],
      spillBytes: number(/(\d+) bytes spill stores/) + number(/(\d+) bytes spill loads/),
      stackBytes: number(/(\d+) bytes stack frame/),
      registers: number(/Used (\d+) registers/),
    };
  });
}

/** All kernels that were compiled for an architecture, such as `sm_90`. */
export const compiledFor = (folder: string, architecture: string): CompiledKernel[] =>
  logsOf(folder)
    .flatMap((file) => readLog(readFileSync(join(folder, file), "utf8")))
    .filter((kernel) => kernel.architecture === architecture);
