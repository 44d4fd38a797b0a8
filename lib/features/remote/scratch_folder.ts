import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { atExit } from "../../base/at_exit.js";
import { makeFolder } from "../../base/files.js";
import { parseJson } from "../../base/parse_json.js";
import { writing } from "../../base/system_error.js";
import { type Holder, ownHolder, stateOf } from "../../base/lock_holder.js";

const PREFIX = "videoclip-spool-";
/** The file that names the process of a folder, and shows by its time that the process lives. */
const OWNER = "owner.json";
/** Milliseconds between signs of life, and after which the folder of a process on another machine is left over. */
const BEAT = 60_000;
const DEAD = 60 * BEAT;

/**
 * A folder for files that this process needs while it runs. Only this user can read it. It appears when it is first asked
 * for, and is removed by `dispose` or the end of the process; folders of processes that were killed are removed when the
 * next one appears beside them.
 */
export class ScratchFolder {
  readonly #parent: string;
  #folder: string | undefined;
  #beat: NodeJS.Timeout | undefined;
  #forget: (() => void) | undefined;

  /** @param parent default: the system's folder for temporary files */
  constructor(parent: string | undefined) {
    this.#parent = resolve(parent ?? tmpdir());
  }

  /** Its path. @throws VideoClipError `ERR_WRITE` when it cannot be made */
  get path(): string {
    this.#folder ??= this.#make();
    return this.#folder;
  }

  #make(): string {
    makeFolder(this.#parent);
    removeLeftovers(this.#parent);
    const folder = join(this.#parent, `${PREFIX}${process.pid}-${randomBytes(6).toString("hex")}`);
    const owner = join(folder, OWNER);
    writing(folder, () => {
      mkdirSync(folder, { mode: 0o700 }); // videos may be private, and the system's temporary folder is not
      writeFileSync(owner, JSON.stringify({ ...ownHolder(), token: "" } satisfies Holder));
    });
    this.#forget = atExit(() => removeFolder(folder));
    this.#beat = setInterval(() => {
      try {
        utimesSync(owner, new Date(), new Date());
      } catch {
        // the next write to the folder has the reason
      }
    }, BEAT).unref();
    return folder;
  }

  /** Removes the folder. It can be asked for again. */
  dispose(): void {
    clearInterval(this.#beat);
    this.#forget?.();
    if (this.#folder !== undefined) removeFolder(this.#folder);
    this.#folder = undefined;
  }
}

function removeFolder(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch {
    // its disk is read-only or gone; a later start tries again
  }
}

/** Removes the folders of processes that have ended. */
function removeLeftovers(parent: string): void {
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(PREFIX)) continue;
    const folder = join(parent, name);
    if (isLeftOver(folder)) removeFolder(folder);
  }
}

function isLeftOver(folder: string): boolean {
  try {
    const owner = join(folder, OWNER);
    const info = statSync(owner, { throwIfNoEntry: false });
    const age = Date.now() - (info ?? statSync(folder)).mtimeMs;
    if (!info) return age > DEAD; // a process that has just made its folder, or was killed while it did
    const state = stateOf(parseJson(readFileSync(owner, "utf8")) as Holder);
    return state === "gone" || (state === "unknown" && age > DEAD);
  } catch {
    return false; // of another user, or removed by another process
  }
}
