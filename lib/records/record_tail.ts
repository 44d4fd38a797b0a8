import type { ManifestRecord } from "./feature_manifest.js";
import { claimsOf, latestOf } from "./record_order.js";

/** Records by a key; a key with one record, as most have, has no list. */
class Records {
  readonly all = new Map<string, ManifestRecord | ManifestRecord[]>();

  get(key: string): readonly ManifestRecord[] {
    const known = this.all.get(key);
    return known === undefined ? [] : Array.isArray(known) ? known : [known];
  }

  /** Adds a record in place of the one of the same part. */
  add(key: string, record: ManifestRecord): void {
    const others = this.get(key).filter(({ manifest }) => manifest !== record.manifest);
    this.all.set(key, others.length === 0 ? record : [...others, record]);
  }
}

/** Paths by a key; a key with one path, as most have, has no set. */
class Paths<K> {
  readonly #all = new Map<K, string | Set<string>>();

  get(key: K): ReadonlySet<string> {
    const known = this.#all.get(key);
    return typeof known === "object" ? known : new Set(known === undefined ? [] : [known]);
  }

  add(key: K, path: string): void {
    const known = this.#all.get(key);
    if (known === undefined) this.#all.set(key, path);
    else if (typeof known === "object") known.add(path);
    else if (known !== path) this.#all.set(key, new Set([known, path]));
  }
}

/** Records in memory: of each part the last one of every path, and of every feature file. */
export class RecordTail {
  #paths = new Records();
  #files = new Records();
  #claims = new Paths<string>();
  /** Paths by the size of the video; made when it is needed. */
  #sizes: Paths<number> | undefined;
  #count = 0;

  /** Number of records that were added. */
  get count(): number {
    return this.#count;
  }

  /** Adds a record; those of one part must come in their order. */
  add(record: ManifestRecord): void {
    this.#count++;
    this.#paths.add(record.path, record);
    this.#files.add(record.file, record);
    const { base, name } = claimsOf(record);
    this.#claims.add(name, record.path);
    this.#claims.add(base, record.path);
    if (this.#sizes) addSize(this.#sizes, record);
  }

  ofPath(path: string): readonly ManifestRecord[] {
    return this.#paths.get(path);
  }

  ofFile(file: string): readonly ManifestRecord[] {
    return this.#files.get(file);
  }

  /** Paths of records that occupy a name, or did. */
  claimants(name: string): ReadonlySet<string> {
    return this.#claims.get(name);
  }

  /** Paths of videos that had this number of bytes. */
  ofSize(bytes: number): ReadonlySet<string> {
    if (!this.#sizes) {
      this.#sizes = new Paths();
      for (const path of this.paths()) for (const record of this.ofPath(path)) addSize(this.#sizes, record);
    }
    return this.#sizes.get(bytes);
  }

  paths(): IterableIterator<string> {
    return this.#paths.all.keys();
  }

  /** The record of a path that counts, where there are no others than those in memory. */
  get(path: string): ManifestRecord | undefined {
    const record = latestOf(this.ofPath(path));
    return record && latestOf(this.ofFile(record.file)) === record ? record : undefined;
  }
}

function addSize(sizes: Paths<number>, { path, source }: ManifestRecord): void {
  if (source) sizes.add(source.bytes, path);
}
