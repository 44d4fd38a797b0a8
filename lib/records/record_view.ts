import { join } from "node:path";
import { BrokenLines, type ManifestRecord, recordOf } from "./feature_manifest.js";
import { coversStill, type IndexState, readState } from "./index_state.js";
import { IndexTables, pathAt } from "./index_tables.js";
import { PartReader } from "./part_reader.js";
import { claimsOf, isSame, latestOf, type Stamp } from "./record_order.js";
import { RecordTail } from "./record_tail.js";
import type { FoundRecord } from "./record_rows.js";
import { compareKeys } from "./row.js";

/** Limits of what is kept in memory: bytes of the manifest that tables do not cover, and number of their records. */
export interface Limits {
  bytes: number;
  records: number;
}

/** The records of a folder as they are at one time: those in the tables of one generation, and later ones in memory. */
export class RecordView {
  readonly state: IndexState | undefined;
  readonly tables: IndexTables | undefined;
  #tail = new RecordTail();
  readonly #parts: PartReader;
  readonly #broken: BrokenLines;
  /** Number of videos by the settings of their current records. */
  readonly #videos: Map<Record<string, unknown>, number>;
  /** Equal settings share one object. */
  readonly #known: Map<string, Record<string, unknown>>;

  /** Opens the tables, where there are usable ones. @param home folder of the tables */
  constructor(
    readonly folder: string,
    home: string,
  ) {
    const state = readState(home);
    const usable = state && coversStill(folder, state) ? state : undefined;
    const settings = (usable?.settings ?? []).map((one) => one.settings);
    const manifests = usable?.parts.map(({ name }) => join(folder, name)) ?? [];
    this.tables = usable && IndexTables.open(home, usable, { manifests, settings });
    this.state = this.tables && usable;
    this.#parts = new PartReader(folder, this.state?.parts);
    this.#broken = new BrokenLines(this.state?.broken);
    this.#videos = new Map(this.state?.settings.map((one) => [one.settings, one.videos]));
    this.#known = new Map(settings.map((one) => [JSON.stringify(one), one]));
  }

  close(): void {
    this.tables?.close();
  }

  /** Forgets the records in memory, to make room. */
  forget(): void {
    this.#tail = new RecordTail();
  }

  /** Number of videos that have a record. */
  get size(): number {
    let size = 0;
    for (const videos of this.#videos.values()) size += videos;
    return size;
  }

  /** The different settings of the current records. */
  get settings(): Record<string, unknown>[] {
    return [...this.#videos].flatMap(([settings, videos]) => (videos > 0 ? [settings] : []));
  }

  /** Lines that are no records. */
  get broken(): Pick<BrokenLines, "count" | "first"> {
    return this.#broken;
  }

  /** Names of the parts of the manifest. */
  get parts(): string[] {
    return this.#parts.names();
  }

  /** The record of a video. @throws DatasetError `ERR_INDEX_DAMAGED` */
  get(path: string): ManifestRecord | undefined {
    return this.#current(this.tables?.ofPath(path) ?? [], this.#tail.ofPath(path));
  }

  /** The record whose feature file has this name. */
  ownerOf(file: string): ManifestRecord | undefined {
    for (const path of [...this.#tail.ofFile(file).map((one) => one.path), ...(this.tables?.owners(file) ?? [])]) {
      const record = this.get(path);
      if (record?.file === file) return record;
    }
    return undefined;
  }

  /** Records whose videos or feature files have this name, in lower case and without folder and ending. */
  *claimants(name: string): Generator<ManifestRecord> {
    const inMemory = this.#tail.claimants(name);
    const claims = (path: string) => {
      const record = this.get(path);
      return record && Object.values(claimsOf(record)).includes(name) ? record : undefined;
    };
    for (const path of inMemory) {
      const record = claims(path);
      if (record) yield record;
    }
    for (const path of this.tables?.claimants(name) ?? []) {
      const record = inMemory.has(path) ? undefined : claims(path);
      if (record) yield record;
    }
  }

  /** Records of videos with this number of bytes. */
  *ofSize(bytes: number): Generator<ManifestRecord> {
    const inMemory = this.#tail.ofSize(bytes);
    for (const path of inMemory) {
      const record = this.get(path);
      if (record?.source?.bytes === bytes) yield record;
    }
    for (const place of this.tables?.ofSize(bytes) ?? []) {
      const record = this.get(pathAt(place));
      if (record && isSame(record, place) && !inMemory.has(record.path)) yield record;
    }
  }

  /**
   * All current records, sorted by the bytes of their paths in UTF-8, in bounded memory. Records that are added
   * meanwhile may be missing.
   * @param onLost called with records whose feature file a later record of another path has
   */
  *inOrder(onLost?: (record: ManifestRecord) => void): Generator<ManifestRecord> {
    const tail = this.#tail;
    const inMemory = [...tail.paths()].map((path) => Buffer.from(path)).sort(compareKeys);
    let next = 0;
    const before = function* (this: RecordView, key: Uint8Array | undefined) {
      for (; next < inMemory.length && (!key || compareKeys(inMemory[next], key) < 0); next++) {
        const records = tail.ofPath(inMemory[next].toString());
        const record = this.#current([], records);
        if (record) yield record;
        else onLost?.(latestOf(records)!);
      }
    }.bind(this);
    for (const { key, records } of this.tables?.inOrder() ?? []) {
      yield* before(key);
      const isInMemory = next < inMemory.length && compareKeys(inMemory[next], key) === 0;
      if (isInMemory) next++;
      const later = isInMemory ? tail.ofPath(records[0].path) : [];
      const record = this.#current(records, later);
      if (record) yield record;
      else onLost?.(latestOf<ManifestRecord>([...records, ...later])!);
    }
    yield* before(undefined);
  }

  /** The record that counts, of all those of a path. */
  #current(onDisk: readonly FoundRecord[], inMemory: readonly ManifestRecord[]): ManifestRecord | undefined {
    const record = onDisk.length + inMemory.length === 1 ? (onDisk[0] ?? inMemory[0]) : latestOf<ManifestRecord>([...onDisk, ...inMemory]); // prettier-ignore
    if (!record) return undefined;
    const isFound = "contested" in record;
    const rivals: Stamp[] = [...this.#tail.ofFile(record.file)];
    if (!isFound || record.contested) for (const stamp of this.tables?.ofFile(record.file) ?? []) rivals.push(stamp);
    if (isFound && rivals.length === 0) return record;
    return isSame(latestOf([...rivals, record])!, record) ? record : undefined;
  }

  /** Whether the parts have become longer at most. */
  continues(names: readonly string[]): boolean {
    return this.#parts.continues(names);
  }

  /** Number of bytes of the manifest that were not read. */
  unread(names: readonly string[]): number {
    return this.#parts.unread(names);
  }

  /** Reads records that were added since into memory. @returns false when they are more than the limits */
  readOn(names: readonly string[], { bytes, records }: Limits): boolean {
    if (this.#parts.unread(names) + this.#parts.bytes > bytes) return false;
    for (const { path, line } of this.#parts.read(names)) {
      const record = recordOf(path, line, this.#known);
      if (typeof record === "string") this.#broken.add({ place: `${path}:${line.line}`, reason: record });
      else this.#add(record);
      if (this.#tail.count > records) return false;
    }
    return true;
  }

  /** Adds a record, and counts what it changes: its path, and the one that loses its feature file. */
  #add(record: ManifestRecord): void {
    const paths = new Set([record.path, ...this.#tail.ofFile(record.file).map(({ path }) => path)]);
    for (const path of this.tables?.owners(record.file) ?? []) paths.add(path);
    for (const path of paths) this.#count(this.get(path), -1);
    this.#tail.add(record);
    for (const path of paths) this.#count(this.get(path), 1);
  }

  #count(record: ManifestRecord | undefined, change: number): void {
    if (record) this.#videos.set(record.settings, (this.#videos.get(record.settings) ?? 0) + change);
  }
}
