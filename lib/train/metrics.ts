import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { writeDurably } from "../base/files.js";
import { writing } from "../base/system_error.js";

/** A line of `metrics.jsonl`. */
export interface MetricsLine {
  step: number;
  [measure: string]: number | boolean | null;
}

/** Lines of `metrics.jsonl`; a last line that a kill has torn is left out. */
export function readMetrics(path: string): MetricsLine[] {
  if (!existsSync(path)) return [];
  const text = readFileSync(path, "utf8");
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  return whole.split("\n").flatMap((line) => (line ? [JSON.parse(line) as MetricsLine] : []));
}

/** A line per step in `metrics.jsonl`. */
export class MetricsFile {
  /** @param step lines of later steps, which a resumed run computes again, are dropped */
  constructor(
    readonly path: string,
    step: number,
  ) {
    const lines = readMetrics(path).filter((line) => line.step <= step);
    writeDurably(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  }

  /** Numbers that JSON does not have become null. */
  add(line: MetricsLine): void {
    writing(this.path, () => appendFileSync(this.path, `${JSON.stringify(line)}\n`));
  }
}
