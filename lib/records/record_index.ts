import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atExit } from "../base/at_exit.js";
import { VideoClipError } from "../base/errors.js";
import { makeFolder, quietly } from "../base/files.js";
import { systemCode } from "../base/system_error.js";
import { BuildTurn } from "./build_turn.js";
import { type BrokenLines, type ManifestRecord } from "./feature_manifest.js";
import { buildIndex } from "./index_build.js";
import { readState } from "./index_state.js";
import { PartList } from "./part_list.js";
import { type Limits, RecordView } from "./record_view.js";

export interface RecordIndexOptions {
  /** From where on records are in tables on disk. Default: 64 MB of the manifest, or 100,000 records. */
  limits?: Limits | undefined;
  /** The parts of the manifest. Default: they are looked for. */
  parts?: PartList | undefined;
  /** Bytes of rows that are sorted in memory at a time. */
  chunk?: number | undefined;
  /** Called with a sentence when tables are made that take a while, or not in the folder. */
  onNote?: ((note: string) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** Folder of the tables in a folder of features. */
export const INDEX_FOLDER = ".index";
const LIMITS: Limits = { bytes: 64 << 20, records: 100_000 };
/** Bytes of manifest that take so long to index that a note says so. */
const NOTED = 1 << 30;
/** Times that records are read again because the parts, or the tables, were replaced meanwhile. */
const ATTEMPTS = 5;

/**
 * The records of a folder of features, by path of the video, by feature file and by size of the video. Few records are
 * kept in memory. Many are in tables in the hidden folder `.index`, which any process makes from the manifests where
 * they are missing or stale; then the memory does not depend on the number of records. The last record of a path counts:
 * by position in one part of the manifest, by `finished_at` across parts. A later record of the same feature file takes
 * it away from that of another path.
 */
export class RecordIndex {
  #view: RecordView;
  #home: string;

  private constructor(
    private readonly list: PartList,
    home: string,
    view: RecordView,
    private readonly options: RecordIndexOptions,
  ) {
    this.#home = home;
    this.#view = view;
  }

  /**
   * Opens the records of a folder, also while others write there.
   * @throws the system's error when a manifest cannot be read; VideoClipError `ERR_WRITE` when the disk for the tables
   * is full; the signal's reason
   */
  static async open(folder: string, options: RecordIndexOptions = {}): Promise<RecordIndex> {
    const parts = options.parts ?? (await PartList.open(folder, undefined, options.signal));
    const { home, view } = await load(parts, join(folder, INDEX_FOLDER), options);
    return new RecordIndex(parts, home, view, options);
  }

  close(): void {
    this.#view.close();
  }

  get folder(): string {
    return this.list.folder;
  }

  /** Number of videos that have a record. */
  get size(): number {
    return this.#view.size;
  }

  /** The different settings of the current records. */
  get settings(): Record<string, unknown>[] {
    return this.#view.settings;
  }

  /** Lines that are no records: their number, and the first 100. */
  get broken(): Pick<BrokenLines, "count" | "first"> {
    return this.#view.broken;
  }

  /** Names of the parts of the manifest. */
  get parts(): string[] {
    return this.#view.parts;
  }

  /** Whether records are in tables on disk. */
  get isOnDisk(): boolean {
    return this.#view.tables !== undefined;
  }

  has(path: string): boolean {
    return this.get(path) !== undefined;
  }

  /** The record of a video. @throws DatasetError `ERR_INDEX_DAMAGED` */
  get(path: string): ManifestRecord | undefined {
    return this.#view.get(path);
  }

  /** The record whose feature file has this name. */
  ownerOf(file: string): ManifestRecord | undefined {
    return this.#view.ownerOf(file);
  }

  /** Records whose videos or feature files have this name, in lower case and without folder and ending. */
  claimants(name: string): Generator<ManifestRecord> {
    return this.#view.claimants(name);
  }

  /** Records of videos with this number of bytes. */
  ofSize(bytes: number): Generator<ManifestRecord> {
    return this.#view.ofSize(bytes);
  }

  /**
   * All current records, sorted by the bytes of their paths in UTF-8, in bounded memory. It must not go on after
   * `refresh` or `close`.
   * @param onLost called with records whose feature file a later record of another path has
   */
  inOrder(onLost?: (record: ManifestRecord) => void): Generator<ManifestRecord> {
    return this.#view.inOrder(onLost);
  }

  /**
   * Reads what was added to the manifests since. It is cheap if little was, and makes new tables when the records in
   * memory are many. In a folder with millions of files, new parts are noticed after a minute.
   * @throws as `open`
   */
  async refresh(): Promise<void> {
    const view = this.#view;
    await this.list.refresh();
    const { manifests } = this.list;
    const generation = view.state && readState(this.#home)?.generation;
    const isBehind = generation !== view.state?.generation; // another process has made new tables
    if (!isBehind && view.continues(manifests) && view.readOn(manifests, this.options.limits ?? LIMITS)) return;
    if (!isBehind) await this.list.read();
    const loaded = await load(this.list, this.#home, this.options);
    this.#home = loaded.home;
    this.#view = loaded.view;
    view.close();
  }
}

async function load(
  parts: PartList,
  first: string,
  options: RecordIndexOptions,
): Promise<{ home: string; view: RecordView }> {
  let home = first;
  const { records, bytes: most } = options.limits ?? LIMITS;
  let bytes = most;
  for (let attempt = 1; ; attempt++) {
    let view: RecordView | undefined;
    try {
      if (attempt > 1) await parts.read();
      view = new RecordView(parts.folder, home);
      if (view.readOn(parts.manifests, { bytes, records })) return { home, view };
      bytes = Infinity; // what new tables do not cover are no complete lines
      view.forget();
      home = await makeTables(view, parts, home, options);
      view.close();
    } catch (error) {
      view?.close();
      // a part, or a table, was replaced meanwhile
      const isGone = ["ENOENT", "ESTALE"].includes(systemCode(error) ?? "") || isDamage(error);
      if (!isGone || attempt >= ATTEMPTS) throw error;
    }
  }
}

const isDamage = (error: unknown): boolean => error instanceof VideoClipError && error.code === "ERR_INDEX_DAMAGED";

/** Makes tables from those of a view and what was added since, unless another process does. @returns their folder */
async function makeTables(
  view: RecordView,
  { manifests: names }: PartList,
  place: string,
  options: RecordIndexOptions,
): Promise<string> {
  const { folder, state, tables } = view;
  const { signal, chunk, onNote } = options;
  const isMade = () => {
    const now = readState(place)?.generation;
    return now !== undefined && now !== state?.generation;
  };
  const { home, turn } = await takeTurn(folder, place, isMade, options);
  if (!turn) return home;
  try {
    if (view.unread(names) > NOTED)
      onNote?.(`${folder}: the records of its manifests are indexed, which takes a while`);
    const before = state && tables ? { state, tables } : undefined;
    await buildIndex({ folder, home, names, before, turn, chunk, signal });
  } finally {
    turn.release();
  }
  return home;
}

/** The turn to make tables; in a temporary folder if the folder cannot be written to. */
async function takeTurn(
  folder: string,
  place: string,
  isMade: () => boolean,
  { signal, onNote }: RecordIndexOptions,
): Promise<{ home: string; turn: BuildTurn | undefined }> {
  try {
    makeFolder(place);
    return { home: place, turn: await BuildTurn.take(place, isMade, signal) };
  } catch (error) {
    if (!["EROFS", "EACCES", "EPERM"].includes(systemCode(error) ?? "")) throw error;
    const home = mkdtempSync(join(tmpdir(), "videoclip-index-"));
    atExit(() => quietly(() => rmSync(home, { recursive: true, force: true })));
    onNote?.(`${folder} cannot be written to: the index of its records is in ${home} while this process runs`);
    return { home, turn: await BuildTurn.take(home, isMade, signal) };
  }
}
