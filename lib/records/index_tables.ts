import { statSync } from "node:fs";
import { join } from "node:path";
import { DatasetError } from "../base/errors.js";
import { readJsonLineAt } from "../base/json_lines.js";
import type { IndexState } from "./index_state.js";
import {
  baseKey,
  fileKey,
  type FoundRecord,
  nameKeyOf,
  pathKey,
  pathOfBaseRow,
  placeOfSizeRow,
  recordOfRow,
  type RowContext,
  sizeKey,
  stampOfFileRow,
} from "./record_rows.js";
import { latestOf, isSame, type Place, type Stamp } from "./record_order.js";
import { equalKeys, type Row } from "./row.js";
import { SortedTable } from "./sorted_table.js";

export const PATHS = "paths";
export const MARKS = "marks";

/** The tables of an index: records by path, and marks by feature file, name and size. */
export class IndexTables {
  readonly paths: SortedTable;
  readonly marks: SortedTable;

  /** @throws DatasetError `ERR_INDEX_DAMAGED`; the system's error */
  constructor(
    folder: string,
    readonly context: RowContext,
  ) {
    this.paths = new SortedTable(join(folder, PATHS));
    try {
      this.marks = new SortedTable(join(folder, MARKS));
    } catch (error) {
      this.paths.close();
      throw error;
    }
  }

  /** Opens the tables of a state; undefined if they are missing or damaged. */
  static open(home: string, state: IndexState, context: RowContext): IndexTables | undefined {
    const folder = join(home, state.generation);
    for (const name of [PATHS, MARKS] as const) {
      if (statSync(join(folder, name), { throwIfNoEntry: false })?.size !== state.tables[name]) return undefined;
    }
    try {
      return new IndexTables(folder, context);
    } catch {
      return undefined; // it is made again
    }
  }

  close(): void {
    this.paths.close();
    this.marks.close();
  }

  ofPath(path: string): FoundRecord[] {
    const key = pathKey(path);
    return this.paths.get(key).map((value) => this.#record({ key, value }));
  }

  #record(row: Row): FoundRecord {
    try {
      return recordOfRow(row, this.context);
    } catch (cause) {
      throw this.#damage(cause);
    }
  }

  ofFile(file: string): Stamp[] {
    return this.#stamps(nameKeyOf(file)).filter((stamp) => stamp.file === file);
  }

  #stamps(name: string): (Stamp & { file: string })[] {
    const key = fileKey(name);
    return this.marks.get(key).map((value) => stampOfFileRow({ key, value }, this.context));
  }

  /** Paths of records that have a feature file, or had. */
  owners(file: string): string[] {
    return this.ofFile(file).map((stamp) => pathAt(stamp));
  }

  /** Paths of records that occupy a name, or did. */
  *claimants(name: string): Generator<string> {
    const owners = new Set(this.#stamps(name).map((stamp) => pathAt(stamp)));
    yield* owners;
    for (const row of this.marks.startingWith(baseKey(name))) {
      const path = pathOfBaseRow(row);
      if (!owners.has(path)) yield path;
    }
  }

  /** Where records are whose videos had this number of bytes. */
  *ofSize(bytes: number): Generator<Place> {
    const key = sizeKey(bytes);
    for (const row of this.marks.range(key)) {
      if (!equalKeys(row.key, key)) return;
      yield placeOfSizeRow(row.value, this.context);
    }
  }

  /** The records by path in order, each path once. */
  *inOrder(): Generator<{ key: Uint8Array; records: FoundRecord[] }> {
    let key: Uint8Array | undefined;
    let records: FoundRecord[] = [];
    for (const row of this.paths.range()) {
      if (key && equalKeys(key, row.key)) {
        records.push(this.#record(row));
        continue;
      }
      if (key) yield { key, records };
      [key, records] = [row.key, [this.#record(row)]];
    }
    if (key) yield { key, records };
  }

  /** The record of a path that counts, of those in the tables. */
  get(path: string): FoundRecord | undefined {
    const record = latestOf(this.ofPath(path));
    if (!record?.contested) return record;
    return isSame(latestOf(this.ofFile(record.file)) ?? record, record) ? record : undefined;
  }

  #damage(cause: unknown): DatasetError {
    if (cause instanceof DatasetError) return cause;
    const { path } = this.paths;
    const message = `${path} has a damaged row: delete its folder, and it is made again`;
    return new DatasetError("ERR_INDEX_DAMAGED", message, { file: path, cause });
  }
}

/** The path of the video of a record. @throws the system's error when its manifest has changed */
export function pathAt(place: Place): string {
  const { path } = readJsonLineAt(place.manifest, place) as { path: string };
  return path;
}
