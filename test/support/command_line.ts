// Runs the compiled command line and reads what it writes.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** The script of the command line, for tests that start it with other options. */
export const CLI = "dist/cli/main.js";

/** Runs `videoclip` with these arguments to its end; `lines()` reads its output as one JSON value per line. */
export function videoclip(...args: string[]) {
  const run = spawnSync(process.execPath, [CLI, ...args], { encoding: "utf8" });
  return { ...run, lines: () => parseLines(run.stdout) };
}

/** The values of a text with one JSON value per line. Their type is up to the caller. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export const parseLines = (text: string): any[] =>
  text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));

/** The values of a file with one JSON value per line. */
export const jsonLines = (path: string) => parseLines(readFileSync(path, "utf8"));
