import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atExit } from "../base/at_exit.js";
import { makeFolder, quietly } from "../base/files.js";
import { type JsonLine, readJsonLineAt } from "../base/json_lines.js";
import { systemCode } from "../base/system_error.js";
import type { SourceFacts } from "./feature_manifest.js";
import type { PartList } from "./part_list.js";
import { PartReader } from "./part_reader.js";
import { compareKeys, equalKeys, mergeRows, Turns } from "./row.js";
import { RowSorter } from "./row_sorter.js";
import { SortedTable, TableWriter } from "./sorted_table.js";

/** A video that failed, in `failures.jsonl`. */
export interface FailureEntry {
  path: string;
  code: string;
  reason: string;
  /** Seconds of video that had been read, if known. */
  time?: number | undefined;
  /** Facts about the file; null if there was none. */
  source?: SourceFacts | null | undefined;
  failed_at: string;
}

/** Bytes of failures that are kept in memory. */
const LIMIT = 16 << 20;
/** Milliseconds after which a table that a killed process left is removed. */
const OLD = 86_400_000;

export interface FailureIndexOptions {
  /** The files of failures. */
  parts: PartList;
  /** Folder for a table. */
  home: string;
  /** Codes that say nothing about the video. */
  isIgnored?: ((code: string) => boolean) | undefined;
  /** Bytes of failures from which on they are in a table on disk. Default: 16 MB. */
  limit?: number | undefined;
  signal?: AbortSignal | undefined;
}

interface FailureTable {
  rows: SortedTable;
  /** Names of the files, which rows name by their place in this list. */
  names: string[];
  remove: () => void;
}

/** A failure in memory, and where its line is. */
interface Known {
  entry: FailureEntry;
  name: string;
  at: number;
}

/**
 * The failures of a folder by path; the last one counts, by name of the file and position in it. Many are in a table on
 * disk, which every process makes for itself.
 */
export class FailureIndex {
  #table: FailureTable | undefined;
  #later = new Map<string, Known>();
  #withdrawn = new Set<string>();
  #parts: PartReader;

  private constructor(
    readonly folder: string,
    private readonly options: FailureIndexOptions,
  ) {
    this.#parts = new PartReader(folder);
  }

  /** @throws the system's error when a file cannot be read; VideoClipError `ERR_WRITE`; the signal's reason */
  static async open(folder: string, options: FailureIndexOptions): Promise<FailureIndex> {
    const index = new FailureIndex(folder, options);
    await index.refresh();
    return index;
  }

  close(): void {
    this.#table?.rows.close();
    this.#table?.remove();
    this.#table = undefined;
  }

  get isEmpty(): boolean {
    return this.#later.size === 0 && !this.#table;
  }

  /** The failure of a video. */
  get(path: string): FailureEntry | undefined {
    if (this.#withdrawn.has(path)) return undefined;
    const later = this.#later.get(path);
    if (!this.#table) return later?.entry;
    let last: { name: string; at: number; bytes: number } | undefined;
    for (const value of this.#table.rows.get(Buffer.from(path))) {
      const [part, at, bytes] = JSON.parse(Buffer.from(value).toString());
      const name = this.#table.names[part];
      if (!last || isAfter({ name, at }, last)) last = { name, at, bytes };
    }
    if (!last || (later && !isAfter(last, later))) return later?.entry;
    return this.#entryAt(path, last);
  }

  /** The entry in a line; undefined if its file was replaced since: the video is tried again. */
  #entryAt(path: string, { name, at, bytes }: { name: string; at: number; bytes: number }): FailureEntry | undefined {
    try {
      const entry = readJsonLineAt(join(this.folder, name), { at, bytes }) as FailureEntry | null;
      return entry?.path === path ? entry : undefined;
    } catch {
      return undefined;
    }
  }

  /** All failures, sorted by the bytes of their paths in UTF-8. */
  *inOrder(): Generator<FailureEntry> {
    const later = [...this.#later.keys()].map((path) => ({ key: Buffer.from(path), value: NOTHING }));
    later.sort((a, b) => compareKeys(a.key, b.key));
    let last: Uint8Array | undefined;
    for (const { key } of mergeRows([...(this.#table ? [this.#table.rows.range()] : []), later.values()])) {
      const entry = last && equalKeys(last, key) ? undefined : this.get(Buffer.from(key).toString());
      if (entry) yield entry;
      last = Buffer.from(key);
    }
  }

  /** Adds a failure that this process has written to a file. It counts more than those that were read. */
  add(entry: FailureEntry): void {
    this.#later.set(entry.path, { entry, name: LAST_NAME, at: Infinity });
    this.#withdrawn.delete(entry.path);
  }

  /** Takes back the failure of a video that was finished. @returns whether there was one */
  withdraw(path: string): boolean {
    if (this.get(path) === undefined) return false;
    this.#withdrawn.add(path);
    return true;
  }

  /** Forgets all failures. */
  clear(): void {
    this.close();
    this.#later.clear();
  }

  /** Reads what was added to the files since. The list of the files is the caller's to refresh. */
  async refresh(): Promise<void> {
    const names = this.options.parts.failures.filter((name) => existsSync(join(this.folder, name)));
    const { limit = LIMIT } = this.options;
    if (!this.#parts.continues(names) || this.#parts.unread(names) + this.#parts.bytes > limit) {
      const all = new PartReader(this.folder);
      const made = all.unread(names) > limit ? await this.#makeTable(names) : { table: undefined, parts: all };
      this.close();
      this.#later.clear();
      this.#withdrawn.clear(); // these videos were finished, which their records tell
      this.#table = made.table;
      this.#parts = made.parts;
    }
    for (const { name, line } of this.#parts.read(names)) {
      const entry = this.#entryOf(line);
      const other = entry && this.#later.get(entry.path);
      if (entry && (!other || !isAfter(other, { name, at: line.at })))
        this.#later.set(entry.path, { entry, name, at: line.at });
    }
  }

  /** The failure in a line; without one, the video is tried again. */
  #entryOf({ value }: JsonLine): FailureEntry | undefined {
    const entry = value as FailureEntry | null | undefined;
    if (typeof entry?.path !== "string" || typeof entry.code !== "string") return undefined;
    return this.options.isIgnored?.(entry.code) ? undefined : entry;
  }

  /** Puts all failures into a table. @returns it, and the state of the reading behind them */
  async #makeTable(names: string[]): Promise<{ table: FailureTable; parts: PartReader }> {
    const folder = this.#tableFolder();
    const remove = () => quietly(() => rmSync(folder, { recursive: true, force: true }));
    const forget = atExit(remove);
    const sorter = new RowSorter(join(folder, "runs"));
    const turns = new Turns();
    const numbers = new Map(names.map((name, i) => [name, i]));
    const covered = new Map<string, { name: string; bytes: number; lines: number }>();
    try {
      for (const { name, line } of new PartReader(this.folder).read(names)) {
        const { at, bytes } = line;
        const entry = this.#entryOf(line);
        if (entry) sorter.add(Buffer.from(entry.path), Buffer.from(JSON.stringify([numbers.get(name), at, bytes])));
        covered.set(name, { name, bytes: at + bytes + 1, lines: line.line });
        if (turns.due()) await turns.give(this.options.signal);
      }
      const writer = new TableWriter(join(folder, "failures"));
      try {
        for (const { key, value } of sorter.sorted()) {
          writer.add(key, value);
          if (turns.due()) await turns.give(this.options.signal);
        }
        writer.finish();
      } finally {
        writer.close();
      }
      const rows = new SortedTable(join(folder, "failures"));
      // the open file stays readable, and a killed process leaves nothing
      if (process.platform !== "win32") remove();
      const table = { rows, names, remove: () => (remove(), forget()) };
      return { table, parts: new PartReader(this.folder, [...covered.values()]) };
    } catch (error) {
      remove();
      forget();
      throw error;
    } finally {
      sorter.dispose();
    }
  }

  #tableFolder(): string {
    const name = `failures-${randomBytes(8).toString("hex")}`;
    const { home } = this.options;
    try {
      makeFolder(join(home, name));
      for (const other of readdirSync(home)) {
        const path = join(home, other);
        if (!other.startsWith("failures-") || Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity) < OLD) continue; // prettier-ignore
        quietly(() => rmSync(path, { recursive: true, force: true }));
      }
      return join(home, name);
    } catch (error) {
      if (!["EROFS", "EACCES", "EPERM"].includes(systemCode(error) ?? "")) throw error;
      const folder = join(tmpdir(), `videoclip-${name}`);
      makeFolder(folder);
      return folder;
    }
  }
}

const isAfter = (a: { name: string; at: number }, b: { name: string; at: number }): boolean =>
  a.name === b.name ? a.at > b.at : a.name > b.name;

const NOTHING = new Uint8Array(0);
/** A name behind those of all files. */
const LAST_NAME = "\uffff";
