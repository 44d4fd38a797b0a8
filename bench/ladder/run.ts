// Runs a compiled ladder and makes a table of its steps.
import { spawnSync } from "node:child_process";
import { median } from "../harness/statistics.js";

/** One step of a ladder, as its program prints it. */
export interface Step {
  step: string;
  /** Floating-point operations of the problem, the same for every step. */
  flop: number;
  /** Relative L2 error against float64; null where the result holds NaN. */
  error: number | null;
  bound: number;
  /** Milliseconds of each run; empty where nothing was measured. */
  ms: number[];
}

/** One step on the emulator, with what was counted. */
export interface CountedStep extends Step {
  /** Sectors of 32 bytes of device memory that accesses of warps touched. */
  sectors: number;
  /** Accesses of shared memory by warps. */
  sharedAccesses: number;
  /** Extra passes over the banks of shared memory that these needed. */
  bankConflicts: number;
  /** Matrix instructions of warps. */
  mma: number;
}

/** Runs a ladder's program, which exits with 1 when a step exceeds its bound; throws when it fails in any other way. */
export function runLadder<T extends Step>(program: string, args: string[], realtime = false): T[] {
  const command = realtime ? ["chrt", "-r", "1", program, ...args] : [program, ...args];
  const { status, stdout, stderr, error } = spawnSync(command[0]!, command.slice(1), { encoding: "utf8" });
  if (status !== 0 && status !== 1) throw new Error(`${command.join(" ")}: ${error?.message ?? stderr}`);
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as T);
}

/** Rows of cells as a markdown table with aligned columns; the first row is the header, numbers stand on the right. */
export function markdown(rows: string[][]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const line = (row: string[]) =>
    `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(" | ")} |`;
  const rule = `| ${widths.map((width, i) => (i === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)).join(" | ")} |`;
  return [line(rows[0]!), rule, ...rows.slice(1).map(line)].join("\n");
}

/** Steps whose result differs from float64 by more than their bound. */
export const disagreeing = (steps: Step[]): string[] =>
  steps.filter(({ error, bound }) => error === null || error > bound).map(({ step }) => step);

const errorCell = ({ error }: Step) => (error === null ? "NaN" : error.toExponential(0));

/** The table of what the emulator counted. Bytes are those between the multiprocessors and the L2 cache. */
export function countedTable(steps: CountedStep[]): string {
  const rows = steps.map((step, i) => [
    `${i + 1}. ${step.step}`,
    String(Math.round((step.sectors * 32) / 1024)),
    (step.flop / (step.sectors * 32)).toPrecision(2),
    String(step.sharedAccesses),
    String(step.bankConflicts),
    String(step.mma),
    errorCell(step),
  ]);
  return markdown([["step", "KB", "FLOP / B", "shared accesses", "bank conflicts", "mma", "error"], ...rows]);
}

/** The table of a measured ladder: medians, and how many times faster each step is than the one before. */
export function timeTable(steps: Step[]): string {
  const times = steps.map(({ ms }) => median(ms));
  const rows = steps.map((step, i) => [
    `${i + 1}. ${step.step}`,
    times[i]! < 100 ? times[i]!.toPrecision(3) : times[i]!.toFixed(0),
    (step.flop / times[i]! / 1e6).toFixed(1),
    i === 0 ? "" : `${(times[i - 1]! / times[i]!).toFixed(2)}x`,
    errorCell(step),
  ]);
  return markdown([["step", "ms", "GFLOP/s", "gain", "error"], ...rows]);
}
