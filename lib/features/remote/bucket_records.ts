import { appendFileSync, closeSync, existsSync, openSync, readFileSync, readSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { InvalidArgumentError } from "../../base/errors.js";
import { writing } from "../../base/system_error.js";
import { StorageError } from "../../storage/storage_error.js";
import type { BucketObjects } from "./bucket_objects.js";

export type RecordKind = "manifest" | "failures";

/** Names of objects with records: `KIND.PART.NUMBER.jsonl`, joined ones `KIND.PART.FIRST-LAST.jsonl`, and `KIND.PART.jsonl`. */
const PIECE = /^(manifest|failures)((?:\.[\w-]+)*?)(?:\.(\d{6,})(?:-(\d{6,}))?)?\.jsonl$/;
/** Times that the objects are listed. */
const LISTS = 5;
/** Objects that are downloaded at the same time. */
const DOWNLOADS = 16;
/** Objects of fewer bytes are joined, when there are more of them than this. */
const [SMALL, MANY] = [8 << 20, 64];
/** The number of an object that a folder's own list of records became. */
const WHOLE = -1;

/** An object with records. */
interface Piece {
  name: string;
  first: number;
  last: number;
  bytes: number;
}

/** The records of all parts, and the folder of their copies. */
interface Parts {
  objects: BucketObjects;
  kind: RecordKind;
  /** Of the part that is written. */
  suffix: string;
  folder: string;
  signal?: AbortSignal | undefined;
}

const digits = (number: number): string => String(number).padStart(6, "0");

/**
 * The records of one part in a bucket. An object cannot grow, so every group of records is a new object with the next
 * number. It is written under the condition that there is none, and then the objects of the part are listed, so that a
 * second writer of the part fails at its first record. Small objects are joined from time to time: the joined one is
 * written before the others are removed, and stands for all numbers of its range, so that nothing is lost in between.
 */
export class BucketRecords {
  #next: number;
  #isChecked = false;
  /** Names of objects that should be removed, and are there. */
  #left = new Set<string>();

  private constructor(
    private readonly objects: BucketObjects,
    private readonly kind: RecordKind,
    private readonly suffix: string,
    /** A copy of all records of this part. */
    private readonly path: string,
    private pieces: Piece[],
  ) {
    this.#next = Math.max(WHOLE, ...pieces.map(({ last }) => last)) + 1;
  }

  /**
   * Copies the records of all parts into a folder, as an extraction into that folder would have written them.
   * @returns the records of one part
   * @throws StorageError, VideoClipError `ERR_WRITE`; the signal's reason
   */
  static async open(
    objects: BucketObjects,
    kind: RecordKind,
    suffix: string,
    folder: string,
    signal?: AbortSignal,
  ): Promise<BucketRecords> {
    const copyAll = () => BucketRecords.#copyAll({ objects, kind, suffix, folder, signal });
    for (let failed = 1; failed < LISTS; failed++) {
      try {
        return await copyAll();
      } catch (error) {
        // another writer has joined objects since they were listed
        if (!(error instanceof StorageError) || error.fault !== "missing") throw error;
      }
    }
    return copyAll();
  }

  static async #copyAll({ objects, kind, suffix, folder, signal }: Parts): Promise<BucketRecords> {
    const parts = new Map<string, Piece[]>([[suffix, []]]);
    for (const { name, bytes } of await objects.list(kind, signal)) {
      const [, found, part, first, last = first] = PIECE.exec(name) ?? [];
      if (found !== kind) continue;
      const piece = { name, first: Number(first ?? WHOLE), last: Number(last ?? WHOLE), bytes };
      if (!parts.has(part)) parts.set(part, []);
      parts.get(part)!.push(piece);
    }
    const joined: Piece[] = [];
    for (const [part, all] of parts) {
      const pieces = withoutJoined(all);
      if (part === suffix) joined.push(...all.filter((piece) => !pieces.includes(piece)));
      parts.set(part, pieces);
      await copy(objects, pieces, join(folder, `${kind}${part}.jsonl`), signal);
    }
    const own = parts.get(suffix)!;
    const records = new BucketRecords(objects, kind, suffix, join(folder, `${kind}${suffix}.jsonl`), own);
    await records.#remove(joined);
    return records;
  }

  /** Makes lines durable, before they are added to the copy. @throws StorageError; InvalidArgumentError for a second writer */
  async add(lines: string): Promise<void> {
    const number = this.#next++;
    await this.#write(digits(number), number, number, Buffer.from(lines));
    if (!this.#isChecked) await this.#check(this.pieces.at(-1)!.name, Buffer.from(lines));
    // another writer may have joined its objects, and removed the one with the same number
    const known = new Set([...this.pieces.map(({ name }) => name), ...this.#left]);
    const all = await this.objects.list(`${this.kind}${this.suffix}.`);
    const foreign = all.find(({ name }) => PIECE.exec(name)?.[2] === this.suffix && !known.has(name));
    if (foreign) throw this.#otherWriter(foreign.name);
  }

  /** Joins small objects, when there are many. It is called when the copy has all lines. @throws StorageError */
  async join(many = MANY): Promise<void> {
    const large = this.pieces.findLastIndex(({ bytes, first }) => bytes >= SMALL || first === WHOLE);
    const small = this.pieces.slice(large + 1);
    if (small.length <= many) return;
    const bytes = small.reduce((sum, piece) => sum + piece.bytes, 0);
    const [first, last] = [small[0].first, small.at(-1)!.last];
    this.pieces = this.pieces.slice(0, large + 1);
    await this.#write(`${digits(first)}-${digits(last)}`, first, last, lastBytes(this.path, bytes));
    await this.#remove(small);
  }

  /** Writes the copy, which has changed, in the place of all records. @throws StorageError */
  async replace(): Promise<void> {
    const before = this.pieces;
    const number = this.#next++;
    this.pieces = [];
    const bytes = existsSync(this.path) ? readFileSync(this.path) : Buffer.alloc(0);
    if (bytes.length > 0) await this.#write(`${digits(0)}-${digits(number)}`, 0, number, bytes);
    await this.#remove(before);
  }

  async #write(numbers: string, first: number, last: number, bytes: Uint8Array): Promise<void> {
    const name = `${this.kind}${this.suffix}.${numbers}.jsonl`;
    if (!(await this.objects.create(name, bytes))) throw this.#otherWriter(name);
    this.pieces.push({ name, first, last, bytes: bytes.length });
  }

  #otherWriter(name: string): InvalidArgumentError {
    const message = `another extraction writes to ${this.objects.address()} and has just written ${name}: wait for it, or give another --out`;
    return new InvalidArgumentError(message, { argument: "out", received: name });
  }

  async #remove(pieces: readonly Piece[]): Promise<void> {
    for (const { name } of pieces) if (!(await this.objects.remove(name))) this.#left.add(name);
  }

  /** Writes an object again, which must be refused. @throws StorageError for a store that replaces it */
  async #check(name: string, bytes: Uint8Array): Promise<void> {
    this.#isChecked = true;
    if (!(await this.objects.createNew(name, bytes))) return;
    const message = `${this.objects.address()}: the store replaces objects although they exist (it ignores If-None-Match), so that two writers could lose results: use one with conditional writes`;
    throw new StorageError("unavailable", message, { file: this.objects.address(name) });
  }
}

/** Objects in their order, without those that a joined one stands for. */
function withoutJoined(pieces: readonly Piece[]): Piece[] {
  const kept: Piece[] = [];
  for (const piece of pieces.toSorted((a, b) => a.first - b.first || b.last - a.last)) {
    if (piece.first === WHOLE || piece.last > (kept.at(-1)?.last ?? WHOLE)) kept.push(piece);
  }
  return kept;
}

/** Downloads objects one behind another into a file. Nothing is written if there are none. */
async function copy(
  objects: BucketObjects,
  pieces: readonly Piece[],
  path: string,
  signal?: AbortSignal,
): Promise<void> {
  rmSync(path, { force: true });
  for (let at = 0; at < pieces.length; at += DOWNLOADS) {
    const group = pieces.slice(at, at + DOWNLOADS);
    const copies = group.map((_, i) => `${path}.${i}.part`);
    await Promise.all(group.map(({ name }, i) => objects.read(name, copies[i], signal)));
    for (const [i, file] of copies.entries()) {
      const bytes = readFileSync(file);
      const whole = bytes.at(-1) === 10 ? bytes : Buffer.concat([bytes, Buffer.from("\n")]);
      group[i].bytes = whole.length;
      writing(path, () => appendFileSync(path, whole));
      rmSync(file);
    }
  }
}

function lastBytes(path: string, count: number): Buffer {
  const bytes = Buffer.alloc(count);
  const file = openSync(path, "r");
  try {
    readSync(file, bytes, 0, count, statSync(path).size - count);
  } finally {
    closeSync(file);
  }
  return bytes;
}
