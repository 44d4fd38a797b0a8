// The processor and the instruction set that a row was measured on.
import { existsSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import { deviceReport } from "../../dist/runtime/device.js";

export interface Machine {
  /** Family of the processor, such as `zen4` or `sapphire-rapids`. */
  cpu: string;
  /** Instruction set of this package's kernels; the peers choose theirs. */
  isa: string;
}

/** AMD's families: the first model of each, in falling order. Zen 3 and Zen 4 share family 25 and have their models in turn. */
const AMD: Record<number, [number, string][]> = {
  23: [
    [0x30, "zen2"],
    [0, "zen"],
  ],
  25: [
    [0x60, "zen4"],
    [0x20, "zen3"],
    [0x10, "zen4"],
    [0, "zen3"],
  ],
  26: [[0, "zen5"]],
};

/** Models of Intel's family 6. */
const INTEL: Record<number, string> = {
  0x3f: "haswell",
  0x4f: "broadwell",
  0x6a: "ice-lake",
  0x6c: "ice-lake",
  0x8f: "sapphire-rapids",
  0xad: "granite-rapids",
  0xae: "granite-rapids",
  0xcf: "emerald-rapids",
};

/** Three families have model 0x55. */
function skylake(stepping: number): string {
  if (stepping >= 10) return "cooper-lake";
  return stepping >= 5 ? "cascade-lake" : "skylake";
}

/**
 * The family of a processor from the text of `/proc/cpuinfo`; of one that is not known here, its numbers or its name.
 * @param name of the processor as the system gives it, where there is no such text
 */
export function cpuFamily(cpuinfo: string, name: string): string {
  const field = (key: string) => new RegExp(`^${key}\\s*:\\s*(.+)$`, "m").exec(cpuinfo)?.[1] ?? "";
  const [vendor, family, model] = [field("vendor_id"), Number(field("cpu family")), Number(field("model"))];
  if (vendor === "AuthenticAMD") {
    const [, known] = AMD[family]?.find(([first]) => model >= first) ?? [];
    return known ?? `amd-${family}-${model}`;
  }
  if (vendor === "GenuineIntel") {
    if (family === 6 && model === 0x55) return skylake(Number(field("stepping")));
    return (family === 6 && INTEL[model]) || `intel-${family}-${model}`;
  }
  return (
    name
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-|-$/g, "") || "unknown"
  );
}

/** This machine; `VIDEOCLIP_ISA` chooses the instruction set, as it does in the engines. */
export function machine(): Machine {
  const cpuinfo = existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : "";
  return { cpu: cpuFamily(cpuinfo, cpus()[0]?.model ?? ""), isa: deviceReport().isa ?? "unknown" };
}
