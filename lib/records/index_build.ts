import { randomBytes } from "node:crypto";
import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatasetError } from "../base/errors.js";
import { makeFolder, quietly } from "../base/files.js";
import { BrokenLines, readPart } from "./feature_manifest.js";
import type { BuildTurn } from "./build_turn.js";
import { type IndexState, readState, sampleOf, writeState } from "./index_state.js";
import { IndexTables, MARKS, pathAt, PATHS } from "./index_tables.js";
import { latestOf } from "./record_order.js";
import {
  FILE,
  markRows,
  pathKey,
  pathRow,
  recordOfRow,
  type RowContext,
  stampOfFileRow,
  stampOfPathRow,
} from "./record_rows.js";
import { compareKeys, copyOf, equalKeys, mergeRows, type Row, Turns } from "./row.js";
import { RowSorter } from "./row_sorter.js";
import { TableWriter } from "./sorted_table.js";

export interface BuildOptions {
  /** Folder with the parts of the manifest, and the one for the index. */
  folder: string;
  home: string;
  /** Names of the parts that the index shall cover. */
  names: readonly string[];
  /** The index that is extended, where there is one. */
  before: { state: IndexState; tables: IndexTables } | undefined;
  turn: BuildTurn;
  /** Bytes of rows that are sorted in memory at a time. */
  chunk?: number | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Makes a generation of an index, from the one before and what was added to the parts since, in bounded memory, and
 * makes it the current one.
 * @throws VideoClipError `ERR_WRITE`; the system's error when a part or the folder of the index disappears; the signal's
 * reason
 */
export async function buildIndex(options: BuildOptions): Promise<void> {
  const { home } = options;
  const generation = randomBytes(8).toString("hex");
  const folder = join(home, generation);
  makeFolder(folder);
  const build = new Build(options, folder);
  try {
    const { settings, ...state } = await build.run();
    for (const name of [PATHS, MARKS] as const) {
      // another process may have cleaned up
      if (statSync(join(folder, name)).size !== state.tables[name])
        throw new DatasetError("ERR_INDEX_DAMAGED", `${folder}/${name} has changed`);
    }
    writeState(home, { generation, ...state, settings });
  } catch (error) {
    quietly(() => rmSync(folder, { recursive: true, force: true }));
    throw error;
  } finally {
    build.dispose();
  }
  removeOthers(home);
}

/** Removes generations that are not the current one, and what killed processes left. */
function removeOthers(home: string): void {
  const kept = readState(home)?.generation;
  for (const name of readdirSync(home)) {
    if (/^[0-9a-f]{16}(\.tmp)?$/.test(name) && name !== kept)
      quietly(() => rmSync(join(home, name), { recursive: true, force: true }));
  }
}

class Build {
  readonly #turns = new Turns();
  readonly #paths: RowSorter;
  readonly #marks: RowSorter;
  /** Paths of records whose feature files other records have, or had. */
  readonly #contested: RowSorter;
  /** Those paths whose records are not counted yet. */
  readonly #uncounted: RowSorter;
  readonly #context: { manifests: string[]; settings: Record<string, unknown>[] };
  /** Number of videos by their settings. */
  readonly #videos = new Map<Record<string, unknown>, number>();

  constructor(
    private readonly options: BuildOptions,
    private readonly out: string,
  ) {
    const { folder, names, before, chunk } = options;
    const known = before?.state.parts.map(({ name }) => name) ?? [];
    const all = [...known, ...names.filter((name) => !known.includes(name))];
    this.#context = {
      manifests: all.map((name) => join(folder, name)),
      settings: before?.state.settings.map(({ settings }) => settings) ?? [],
    };
    const sorter = (name: string) => new RowSorter(join(out, name), chunk);
    this.#paths = sorter("paths.runs");
    this.#marks = sorter("marks.runs");
    this.#contested = sorter("contested.runs");
    this.#uncounted = sorter("uncounted.runs");
  }

  dispose(): void {
    for (const sorter of [this.#paths, this.#marks, this.#contested, this.#uncounted]) sorter.dispose();
  }

  async run(): Promise<Omit<IndexState, "format" | "generation">> {
    const { parts, broken } = await this.#scan();
    const marks = await this.#writeMarks();
    const paths = await this.#writePaths();
    this.#paths.dispose();
    this.#marks.dispose();
    await this.#countContested();
    const { count, first } = broken;
    const settings = this.#context.settings.map((one) => ({ settings: one, videos: this.#videos.get(one) ?? 0 }));
    return { parts, settings, broken: { count, first }, tables: { paths, marks } };
  }

  async #pause(): Promise<void> {
    this.options.turn.renew();
    await this.#turns.give(this.options.signal);
  }

  /** Reads what the index before does not cover. */
  async #scan() {
    const { before } = this.options;
    const broken = new BrokenLines(before?.state.broken);
    const known = new Map(this.#context.settings.map((one) => [JSON.stringify(one), one]));
    const numbers = new Map(this.#context.settings.map((one, i) => [one, i]));
    const parts: IndexState["parts"] = [];
    for (const [part, manifest] of this.#context.manifests.entries()) {
      const name = manifest.slice(this.options.folder.length + 1);
      let { bytes, lines } = before?.state.parts[part] ?? { bytes: 0, lines: 0 };
      const to = statSync(manifest).size;
      for (const { line, end, record } of readPart(manifest, known, { from: { at: bytes, line: lines + 1 }, to })) {
        if (typeof record === "string") broken.add({ place: `${manifest}:${line}`, reason: record });
        else {
          let settings = numbers.get(record.settings);
          if (settings === undefined) {
            settings = this.#context.settings.push(record.settings) - 1;
            numbers.set(record.settings, settings);
          }
          const { key, value } = pathRow(record, part, settings);
          this.#paths.add(key, value);
          for (const mark of markRows(record, part)) this.#marks.add(mark.key, mark.value);
        }
        [bytes, lines] = [end, line];
        if (this.#turns.due()) await this.#pause();
      }
      parts.push({ name, bytes, lines, sample: sampleOf(manifest, bytes) ?? "" });
    }
    return { parts, broken };
  }

  /** The rows of the index before and the new ones, grouped by key. */
  #rows(table: "paths" | "marks", sorter: RowSorter): Generator<Row> {
    const { before } = this.options;
    return mergeRows([...(before ? [before.tables[table].range()] : []), sorter.sorted()]);
  }

  /** Writes the marks; of each part, the last record with a feature file. */
  async #writeMarks(): Promise<number> {
    const writer = new TableWriter(join(this.out, MARKS));
    try {
      let last: Row | undefined;
      let group: FileGroup | undefined;
      const finish = () => {
        for (const { key, value } of group?.rows() ?? []) writer.add(key, value);
        group = undefined;
      };
      for (const row of this.#rows("marks", this.#marks)) {
        if (row.key[0] === FILE) {
          if (!group || !equalKeys(group.key, row.key)) {
            finish();
            group = new FileGroup(copyOf(row), this.#context, this.#contested);
          } else group.add(copyOf(row));
        } else {
          finish();
          if (!last || !equalKeys(last.key, row.key) || !equalKeys(last.value, row.value)) writer.add(row.key, row.value); // prettier-ignore
          last = copyOf(row);
        }
        if (this.#turns.due()) await this.#pause();
      }
      finish();
      return writer.finish().bytes;
    } finally {
      writer.close();
    }
  }

  /** Writes the records; of each part, the last one of a path. */
  async #writePaths(): Promise<number> {
    const writer = new TableWriter(join(this.out, PATHS));
    try {
      const contested = this.#contested.sorted();
      let mark = contested.next();
      let group: Row[] = [];
      const finish = () => {
        const rows = group.length > 1 ? lastOfParts(group) : group;
        if (rows.length === 0) return;
        const [{ key }] = rows;
        while (!mark.done && compareKeys(mark.value.key, key) < 0) mark = contested.next();
        // the marks of records that lost their file long ago are gone, but not the note of it
        const isContested = (!mark.done && equalKeys(mark.value.key, key)) || rows.some(({ value }) => value[0] === 1);
        for (const { value } of rows) {
          value[0] = isContested ? 1 : 0;
          writer.add(key, value);
        }
        if (isContested) this.#uncounted.add(key, NOTHING);
        else this.#count(latestOf(rows.map((row) => recordOfRow(row, this.#context)))!.settings);
      };
      for (const row of this.#rows("paths", this.#paths)) {
        if (group.length > 0 && !equalKeys(group[0].key, row.key)) {
          finish();
          group = [];
        }
        group.push(copyOf(row));
        if (group.length > MANY) group = lastOfParts(group);
        if (this.#turns.due()) await this.#pause();
      }
      finish();
      return writer.finish().bytes;
    } finally {
      writer.close();
    }
  }

  #count(settings: Record<string, unknown>): void {
    this.#videos.set(settings, (this.#videos.get(settings) ?? 0) + 1);
  }

  /** Counts the videos whose records had to be compared with others. */
  async #countContested(): Promise<void> {
    const tables = new IndexTables(this.out, this.#context);
    try {
      for (const { key } of this.#uncounted.sorted()) {
        const record = tables.get(Buffer.from(key).toString());
        if (record) this.#count(record.settings);
        if (this.#turns.due()) await this.#pause();
      }
    } finally {
      tables.close();
    }
  }
}

/** Rows of one path that are kept before those that other rows of their part replace are left out. */
const MANY = 1000;

/** Of the rows of a path, those of the last record of each part. */
function lastOfParts(rows: readonly Row[]): Row[] {
  const last = new Map<number, { at: number; row: Row }>();
  for (const row of rows) {
    const { part, at } = stampOfPathRow(row);
    if (at >= (last.get(part)?.at ?? 0)) last.set(part, { at, row });
  }
  return [...last.values()].map(({ row }) => row);
}

/** Marks of feature files with one name. */
class FileGroup {
  readonly key: Uint8Array;
  /** The last mark of each part and file; undefined while there is only the first row. */
  #last: Map<string, { at: number; row: Row }> | undefined;
  /** By file, the path and part of its first mark, and whether there are others. */
  readonly #owners = new Map<string, { path: string; part: number; isContested: boolean }>();

  /** @param contested receives the paths of records whose feature file others have too */
  constructor(
    private readonly first: Row,
    private readonly context: RowContext,
    private readonly contested: RowSorter,
  ) {
    this.key = first.key;
  }

  add(row: Row): void {
    if (!this.#last) {
      this.#last = new Map();
      this.add(this.first);
    }
    const stamp = stampOfFileRow(row, this.context);
    const { part, at, file } = stamp;
    const key = `${part} ${file}`;
    if (at >= (this.#last.get(key)?.at ?? 0)) this.#last.set(key, { at, row });
    const path = pathAt(stamp);
    const owner = this.#owners.get(file);
    if (!owner) {
      this.#owners.set(file, { path, part, isContested: false });
      return;
    }
    if (!owner.isContested && (owner.path !== path || owner.part !== part)) {
      owner.isContested = true;
      this.contested.add(pathKey(owner.path), NOTHING);
    }
    if (owner.isContested) this.contested.add(pathKey(path), NOTHING);
  }

  /** The rows that are kept. */
  rows(): Row[] {
    return this.#last ? [...this.#last.values()].map(({ row }) => row) : [this.first];
  }
}

const NOTHING = new Uint8Array(0);
