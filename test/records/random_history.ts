// Random histories of a features folder, and what its records must be, computed in plain loops from all of its lines.
import { appendFileSync, readdirSync, readFileSync } from "node:fs";
import { join, parse } from "node:path";
import type { Random } from "#lib/base/random.js";

interface Line {
  part: string;
  position: number;
  path: string;
  file: string;
  clips: number;
  partial?: true;
  moved_from?: string[];
  source?: { bytes: number; modified: number; sample?: string };
  settings: object;
  finished_at: string;
}

const FOLDERS = ["/v", "/v/a", "/w/é", "/w/\u{1F600}", "/v/\uFFFD"];

/** Adds random lines to random parts: new videos, repetitions, taken files, moved videos, and lines that are no records. */
export function addLines(folder: string, random: Random, count: number, names = 30): void {
  for (let i = 0; i < count; i++) {
    const path = `${FOLDERS[random.integer(0, FOLDERS.length - 1)]}/${random.coin() ? "Video" : "video"}${random.integer(0, names)}.mp4`;
    const own = parse(path).name;
    const file = random.integer(0, 3) > 0 ? `${own}.npy` : `${own}-${random.integer(0, 3)}.npy`;
    const line = {
      path,
      file,
      clips: 1,
      timestamps: [[0, i]],
      ...(random.integer(0, 9) === 0 ? { partial: true } : {}),
      ...(random.integer(0, 9) === 0 ? { moved_from: ["/old"] } : {}),
      ...(random.integer(0, 9) > 0 ? { source: { bytes: random.integer(0, 20), modified: i, ...(random.coin() ? { sample: "ab" } : {}) } } : {}), // prettier-ignore
      settings: { model: random.integer(0, 20) === 0 ? "b" : "a" },
      // times that repeat, and go back
      finished_at: `2026-01-${String(random.integer(1, 28)).padStart(2, "0")}`,
    };
    const part = ["", ".0-of-2", ".1-of-2", ".worker-a", ".worker-b"][random.integer(0, 4)];
    const kind = random.integer(0, 19);
    const text =
      kind === 0 ? '{"path":1}\n' : kind === 1 ? "\n" : kind === 2 ? "\0\0torn\n" : `${JSON.stringify(line)}\n`;
    appendFileSync(join(folder, `manifest${part}.jsonl`), text);
  }
}

/** All lines of a folder that are records. */
function linesOf(folder: string): { lines: Line[]; broken: number } {
  const lines: Line[] = [];
  let broken = 0;
  for (const part of readdirSync(folder)
    .filter((name) => name.endsWith(".jsonl"))
    .sort()) {
    for (const [position, text] of readFileSync(join(folder, part), "utf8").split("\n").slice(0, -1).entries()) {
      if (text === "") continue;
      try {
        const line = JSON.parse(text);
        if (typeof line.path !== "string") throw new Error("no record");
        lines.push({ ...line, part, position });
      } catch {
        broken++;
      }
    }
  }
  return { lines, broken };
}

/** Of the lines with one path, or one file: the last of each part, and of these the one of the latest time and part. */
function last(lines: readonly Line[]): Line {
  const lasts = lines.filter((one) => !lines.some((other) => other.part === one.part && other.position > one.position));
  return lasts.reduce((a, b) => {
    if (a.finished_at !== b.finished_at) return a.finished_at > b.finished_at ? a : b;
    return a.part > b.part ? a : b;
  });
}

/** What an index must say about a folder. */
export function expectedRecords(folder: string) {
  const { lines, broken } = linesOf(folder);
  const current = [...new Set(lines.map(({ path }) => path))]
    .map((path) => last(lines.filter((line) => line.path === path)))
    .filter((record) => last(lines.filter(({ file }) => file === record.file)) === record)
    .sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
  return {
    current,
    broken,
    paths: new Set(lines.map(({ path }) => path)),
    files: new Set(lines.map(({ file }) => file)),
  };
}
