// What a run reported, thinned to a line for every so many steps: the log that goes with a model.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const STEPS = 50;
const LEFT_OUT = ["step", "skipped", "samplesPerSecond"];
type Line = Record<string, number>;

/** Means over 50 steps of what the runs in `folders` wrote to their `metrics.jsonl`, as lines with the name of the run. */
export function writeLog(file: string, folders: Record<string, string>): void {
  const lines: string[] = [];
  for (const [stage, folder] of Object.entries(folders)) {
    const all = readFileSync(join(folder, "metrics.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Line);
    for (let first = 0; first < all.length; first += STEPS) {
      const part = all.slice(first, first + STEPS);
      const names = [...new Set(part.flatMap((line) => Object.keys(line)))].filter((name) => !LEFT_OUT.includes(name));
      const means = names.map((name) => {
        const values = part.map((line) => line[name]).filter((value) => value !== undefined);
        return [name, Number((values.reduce((a, b) => a + b, 0) / values.length).toPrecision(5))];
      });
      lines.push(JSON.stringify({ stage, step: part[part.length - 1].step, ...Object.fromEntries(means) }));
    }
  }
  writeFileSync(file, `${lines.join("\n")}\n`);
}
