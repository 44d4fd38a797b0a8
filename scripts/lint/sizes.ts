// Part of `npm run lint`: no source file has more than 400 lines, and no folder of lib/ or native/ more than 40 files beside each other.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./syntax.js";

const MAX_LINES = 400;
const MAX_FILES = 40;
const SOURCE = /\.(ts|cts|mjs|cc|h|cu)$/;

const faults: string[] = [];
for (const top of ["lib", "native", "test", "bench", "scripts", "shapes"]) {
  const files = new Map<string, number>();
  for (const entry of readdirSync(join(root, top), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.parentPath.includes("node_modules")) continue;
    files.set(entry.parentPath, (files.get(entry.parentPath) ?? 0) + 1);
    const path = join(entry.parentPath, entry.name);
    if (!SOURCE.test(entry.name)) continue;
    const lines = readFileSync(path, "utf8").trimEnd().split("\n").length;
    if (lines > MAX_LINES) faults.push(`${path}: ${lines} lines, at most ${MAX_LINES}; split it by idea`);
  }
  if (top !== "lib" && top !== "native") continue;
  for (const [folder, count] of files) {
    if (count > MAX_FILES) faults.push(`${folder}: ${count} files, at most ${MAX_FILES}; group them into folders`);
  }
}
for (const fault of faults) console.error(fault.replace(`${root}/`, ""));
process.exitCode = faults.length > 0 ? 1 : 0;
