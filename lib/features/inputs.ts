import { readdir, readFile, stat } from "node:fs/promises";
import { extname, join, resolve } from "node:path";
import { parse } from "csv-parse/sync";
import { DatasetError, InvalidArgumentError } from "../errors.js";

/** Files that a folder is searched for. */
const MEDIA = [
  "mp4",
  "m4v",
  "mkv",
  "webm",
  "mov",
  "avi",
  "mpg",
  "mpeg",
  "ts",
  "flv",
  "wmv",
  "3gp",
  "ogv",
  "gif",
  "y4m",
  "jpg",
  "jpeg",
  "png",
  "webp",
];

/**
 * Absolute paths of all videos that files, folders (searched recursively), globs and manifests (`.csv` with a `path` or
 * `video` column, `.jsonl` with such a field) name: sorted, each once. A file that is named but missing stays in the
 * list, so that it becomes a failure of its own.
 */
export async function expandInputs(inputs: readonly string[]): Promise<string[]> {
  if (inputs.length === 0)
    throw new InvalidArgumentError("inputs: expected at least one file, folder, glob or manifest");
  const paths = new Set<string>();
  for (const input of inputs) {
    const info = await stat(input).catch(() => undefined);
    let found: string[];
    if (info?.isDirectory() && !MEDIA.includes(extname(input).slice(1).toLowerCase())) {
      found = await searchFolder(input);
    } else if (info && [".csv", ".jsonl"].includes(extname(input).toLowerCase())) {
      found = await readManifest(input);
    } else if (!info && /[*?[\]{}]/.test(input)) {
      const { glob } = await import("tinyglobby"); // its import fails in a bundle of CommonJS format
      found = await glob(input, { absolute: true });
      if (found.length === 0)
        throw new InvalidArgumentError(`inputs: ${input} matches no file`, { argument: "inputs" });
    } else {
      found = [input];
    }
    for (const path of found) paths.add(resolve(path));
  }
  if (paths.size === 0) throw new InvalidArgumentError("inputs: no video was found", { argument: "inputs" });
  return [...paths].sort();
}

/** Everything below a folder that is named like a video or image; what turns out not to be a file fails on its own later. */
async function searchFolder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => MEDIA.includes(extname(entry.name).slice(1).toLowerCase()) && !entry.name.startsWith("."))
    .map((entry) => join(entry.parentPath, entry.name));
}

async function readManifest(file: string): Promise<string[]> {
  const text = await readFile(file, "utf8");
  let rows: Record<string, unknown>[];
  try {
    rows = file.toLowerCase().endsWith(".csv")
      ? parse(text, { columns: true, skip_empty_lines: true, trim: true, bom: true })
      : text.split("\n").flatMap((line) => (line.trim() ? [JSON.parse(line)] : []));
  } catch (cause) {
    throw new DatasetError("ERR_MANIFEST", `${file}: ${cause instanceof Error ? cause.message : cause}`, {
      file,
      cause,
    });
  }
  return rows.map((row, i) => {
    const path = row.path ?? row.video;
    if (typeof path !== "string" || path === "") {
      throw new DatasetError("ERR_MANIFEST", `${file}: row ${i + 1} has no path or video column`, { file });
    }
    return resolve(file, "..", path);
  });
}

/** Every N-th of the list, beginning at I. @param shard `I/N` with 0 <= I < N */
export function takeShard(paths: string[], shard: string | undefined): string[] {
  if (shard === undefined) return paths;
  const match = /^(\d+)\/(\d+)$/.exec(shard);
  const [index, count] = match ? [Number(match[1]), Number(match[2])] : [0, 0];
  if (!match || count < 1 || index >= count) {
    throw new InvalidArgumentError(`shard: expected I/N with 0 <= I < N, received ${shard}`, { argument: "shard" });
  }
  return paths.filter((_, i) => i % count === index);
}
