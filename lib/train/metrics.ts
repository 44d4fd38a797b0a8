import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { writeDurably } from "../base/files.js";
import { writing } from "../base/system_error.js";
import { renameOption } from "./check_options.js";

/** A line of `metrics.jsonl`. */
export interface MetricsLine {
  step: number;
  [measure: string]: number | boolean | null;
}

/**
 * Lines of `metrics.jsonl`, without an incomplete last line, which a killed process leaves. Lines of earlier versions have
 * `rate` for `learningRate`.
 */
export function readMetrics(path: string): MetricsLine[] {
  if (!existsSync(path)) return [];
  const text = readFileSync(path, "utf8");
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  const lines = whole.split("\n").filter((line) => line !== "");
  return lines.map((line) => renameOption("metrics", JSON.parse(line) as MetricsLine, "rate", "learningRate"));
}

/** Writes `metrics.jsonl`, one line per step. */
export class MetricsFile {
  /** @param step last step to keep: a resumed run computes later steps again, so their lines are removed */
  constructor(
    readonly path: string,
    step: number,
  ) {
    const lines = readMetrics(path).filter((line) => line.step <= step);
    writeDurably(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  }

  /** Appends a line. Numbers that JSON cannot represent become null. */
  add(line: MetricsLine): void {
    writing(this.path, () => appendFileSync(this.path, `${JSON.stringify(line)}\n`));
  }
}
