import { statSync } from "node:fs";
import { join } from "node:path";
import { FeatureIndex } from "../features/feature_index.js";
import { LOCK, MANIFEST } from "../features/index_format.js";
import { namesById } from "./video_ids.js";

/** Milliseconds between two looks at the files of an index. */
const LOOK_EVERY = 1000;
/** Milliseconds until files that could not be opened are tried again. */
const RETRY_AFTER = 30_000;

/** Milliseconds after which a lock that is not renewed was left by a process that ended. */
const LOCK_AGE = 20_000;

/** An opened state of an index, and the number of requests that use it. */
interface State {
  index: FeatureIndex;
  users: number;
  retired: boolean;
  readAt: Date;
  names?: Map<string, string>;
}

export interface ServedIndexOptions {
  threads?: number | undefined;
  /** Called before a changed index takes the place of the one before; if it throws, the old one stays. */
  onChange?: ((index: FeatureIndex) => Promise<void>) | undefined;
  /** Called with the result of a reload. */
  onReload?: ((name: string, error: unknown) => void) | undefined;
}

/** An index that is opened again when its files change. Requests that have begun end with the state they began with. */
export class ServedIndex {
  #state: State;
  #stamp: string;
  #looked = Date.now();
  #reload?: Promise<void> | undefined;
  /** Why the newest state of the files cannot be opened; the one before is served. */
  problem?: string | undefined;

  private constructor(
    readonly name: string,
    readonly folder: string,
    index: FeatureIndex,
    stamp: string,
    private readonly options: ServedIndexOptions,
  ) {
    this.#state = { index, users: 0, retired: false, readAt: new Date() };
    this.#stamp = stamp;
  }

  /** @throws IndexError */
  static async open(name: string, folder: string, options: ServedIndexOptions = {}): Promise<ServedIndex> {
    const stamp = stampOf(folder);
    const index = await FeatureIndex.open(folder, { threads: options.threads });
    return new ServedIndex(name, folder, index, stamp, options);
  }

  /** Runs `work` on the newest state, which stays open until the work has ended. */
  async use<T>(work: (index: FeatureIndex) => Promise<T> | T): Promise<T> {
    await this.refresh();
    const state = this.#state;
    state.users++;
    try {
      return await work(state.index);
    } finally {
      state.users--;
      closeUnused(state);
    }
  }

  /** The name of the video with this id. */
  async videoName(id: string): Promise<string | undefined> {
    await this.refresh();
    const state = this.#state;
    state.names ??= namesById(state.index.manifest.id, state.index.videos());
    return state.names.get(id);
  }

  /** The newest state, for reading its facts at once. */
  get current(): FeatureIndex {
    return this.#state.index;
  }

  /** When the files of the newest state were opened. */
  get readAt(): Date {
    return this.#state.readAt;
  }

  /** Whether a process writes to the index: it renews its lock every few seconds. */
  get writing(): boolean {
    const lock = statSync(join(this.folder, LOCK), { throwIfNoEntry: false });
    return lock !== undefined && Date.now() - lock.mtimeMs < LOCK_AGE;
  }

  /** Opens the index again if its files changed. An index that cannot be opened leaves the old state. */
  async refresh(now = Date.now()): Promise<void> {
    if (this.#reload) return this.#reload;
    if (now - this.#looked < LOOK_EVERY) return;
    this.#looked = now;
    const stamp = stampOf(this.folder);
    if (stamp === this.#stamp) return;
    this.#reload = this.#open(stamp).finally(() => (this.#reload = undefined));
    return this.#reload;
  }

  async #open(stamp: string): Promise<void> {
    let index: FeatureIndex | undefined;
    try {
      index = await FeatureIndex.open(this.folder, { threads: this.options.threads });
      await this.options.onChange?.(index);
      const old = this.#state;
      this.#state = { index, users: 0, retired: false, readAt: new Date() };
      old.retired = true;
      closeUnused(old);
      this.problem = undefined;
      this.#stamp = stamp;
      this.options.onReload?.(this.name, undefined);
    } catch (error) {
      index?.dispose();
      this.problem = "the files of this index changed and cannot be opened; the state before is served";
      this.#looked = Date.now() + RETRY_AFTER - LOOK_EVERY;
      this.options.onReload?.(this.name, error);
    }
  }

  dispose(): void {
    this.#state.retired = true;
    closeUnused(this.#state);
  }
}

/** What changes with every commit of an index: its manifest is replaced by a new file. */
function stampOf(folder: string): string {
  const facts = statSync(join(folder, MANIFEST), { bigint: true, throwIfNoEntry: false });
  return facts ? `${facts.dev} ${facts.ino} ${facts.size} ${facts.mtimeNs}` : "gone";
}

function closeUnused({ index, users, retired }: State): void {
  if (retired && users === 0) index.dispose();
}
