import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import { isAddress } from "../base/addresses.js";
import { atExit } from "../base/at_exit.js";
import { InvalidArgumentError } from "../base/errors.js";
import { makeFolder, moveDurably, quietly, writeDurably } from "../base/files.js";
import { writing } from "../base/system_error.js";
import type { ExportFormat } from "./format.js";

/** The file that marks a folder as a complete export. */
const MARKER = "export.json";

/** A file of an export. */
export interface ExportedFile {
  /** Path relative to the export; of a format of one file its path. */
  name: string;
  bytes: number;
}

const refused = (out: string, reason: string): InvalidArgumentError =>
  new InvalidArgumentError(`out: ${out} ${reason}`, { argument: "out", received: out });

/**
 * Checks that an export may be written to a path, before anything is read.
 * @param folder the features; nothing is written into it, where it could be taken for features or records
 * @throws InvalidArgumentError with the reason
 */
export function checkOutput(out: string, folder: string, format: ExportFormat, force: boolean): void {
  if (isAddress(out)) throw refused(out, "is an address, and only files of this machine are written");
  if (`${resolve(out)}${sep}`.startsWith(`${resolve(folder)}${sep}`)) {
    throw refused(out, `is in the folder of the features: write it beside ${folder}`);
  }
  for (const path of [out, ...(format.beside?.(out) ?? [])]) {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat) continue;
    if (format.kind === "file") {
      if (stat.isDirectory()) throw refused(path, "is a folder, and this format is a file");
      if (!force) throw refused(path, "exists: choose another name, or replace it with --force");
      continue;
    }
    if (!stat.isDirectory()) throw refused(path, "is a file, and this format is a folder");
    if (readdirSync(path).length === 0) continue;
    if (!existsSync(join(path, MARKER)))
      throw refused(path, `has files and no ${MARKER}: it is no export, and is not replaced`);
    if (!force) throw refused(path, "exists: choose another name, or replace it with --force");
  }
}

/**
 * Runs work that fills a temporary folder, which then gets its name; an export of this name is replaced. After an error
 * nothing is left.
 * @param marker what `export.json` says beside the files
 */
export async function writeFolder(
  out: string,
  work: (temporary: string) => Promise<void>,
  marker: () => Record<string, unknown>,
): Promise<ExportedFile[]> {
  const target = resolve(out);
  const temporary = `${target}.${process.pid}.tmp`;
  const old = `${target}.${process.pid}.old`;
  const remove = () => quietly(() => rmSync(temporary, { recursive: true, force: true }));
  const forget = atExit(remove);
  try {
    makeFolder(temporary);
    await work(temporary);
    const files = filesOf(temporary);
    writeDurably(join(temporary, MARKER), `${JSON.stringify({ ...marker(), files })}\n`);
    const exists = existsSync(target);
    if (exists) moveDurably(target, old);
    moveDurably(temporary, target);
    if (exists) writing(old, () => rmSync(old, { recursive: true }), "removed");
    return files;
  } catch (error) {
    remove();
    throw error;
  } finally {
    forget();
  }
}

/** The files of a folder with their sizes, by name. */
function filesOf(folder: string): ExportedFile[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => ({ name: relative(folder, path).split(sep).join("/"), bytes: statSync(path).size }));
}
