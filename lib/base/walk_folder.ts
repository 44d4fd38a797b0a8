import { isUtf8 } from "node:buffer";
import { type Dirent, readdirSync, realpathSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";

/** An entry of a folder or a subfolder. */
export interface FolderEntry {
  path: string;
  /** Path of its folder. */
  folder: string;
  name: string;
  /**
   * The kind of the entry, or of the link's target; `pipe` is a pipe, a socket or a device, which must not be opened.
   */
  kind: "file" | "folder" | "pipe" | "broken link";
}

/** A folder that cannot be read, or a name that cannot be used. */
export interface FolderProblem {
  path: string;
  reason: string;
  cause?: unknown;
}

interface Folder {
  path: string;
  /** Its path without links. */
  real: string;
}

/**
 * Yields everything in a folder and its subfolders, in the order of names. Links to folders are followed after all
 * folders without links, so that each real folder is entered once, by its real path if possible, and loops end. Entries
 * that cannot be read are problems.
 * @param enter whether a folder is entered; default: all are
 */
export function* walkFolder(
  root: string,
  enter: (name: string) => boolean = () => true,
): Generator<FolderEntry | FolderProblem> {
  const seen = new Set<string>();
  const links: string[] = [];
  const folders: Folder[] = [];
  const first = realPath(root);
  if (typeof first !== "string") return yield problem(root, first.cause);
  folders.push({ path: root, real: first });
  for (;;) {
    const folder = folders.pop() ?? linkedFolder(links, seen);
    if (!folder) return;
    if (seen.has(folder.real)) continue;
    seen.add(folder.real);
    const below: Folder[] = [];
    for (const entry of entriesOf(folder.path)) {
      yield entry;
      if (!("kind" in entry) || entry.kind !== "folder" || !enter(entry.name)) continue;
      if (entry.link) links.push(entry.path);
      else below.push({ path: entry.path, real: join(folder.real, entry.name) });
    }
    folders.push(...below.reverse());
  }
}

/** The next link to a folder that was not entered yet. */
function linkedFolder(links: string[], seen: ReadonlySet<string>): Folder | undefined {
  for (let path = links.shift(); path !== undefined; path = links.shift()) {
    const real = realPath(path);
    if (typeof real === "string" && !seen.has(real)) return { path, real };
  }
  return undefined;
}

function realPath(path: string): string | { cause: unknown } {
  try {
    return realpathSync(path);
  } catch (cause) {
    return { cause };
  }
}

function problem(path: string, cause: unknown): FolderProblem {
  const { code, message } = cause as NodeJS.ErrnoException;
  const denied = code === "EACCES" || code === "EPERM";
  return { path, reason: denied ? "permission denied" : `cannot be listed: ${message}`, cause };
}

/** The entries of a folder. Names are bytes: one that is not UTF-8 has no path that could be opened. */
function entriesOf(folder: string): ((FolderEntry & { link: boolean }) | FolderProblem)[] {
  let entries: Dirent<Buffer>[];
  try {
    entries = readdirSync(folder, { withFileTypes: true, encoding: "buffer" }) as unknown as Dirent<Buffer>[];
  } catch (cause) {
    return [problem(folder, cause)];
  }
  return entries
    .sort((a, b) => Buffer.compare(a.name, b.name))
    .map((entry) => {
      if (!isUtf8(entry.name)) {
        const path = join(folder, printable(entry.name));
        return { path, reason: "its name is not UTF-8 (its bytes are shown as \\xNN): rename it" };
      }
      const name = entry.name.toString("utf8");
      const path = join(folder, name);
      const link = entry.isSymbolicLink();
      return { path, folder, name, link, kind: kindOf(link ? behind(path) : entry) };
    });
}

function behind(link: string): Stats | undefined {
  try {
    return statSync(link);
  } catch {
    return undefined; // a broken link, or a loop
  }
}

function kindOf(entry: Pick<Stats, "isFile" | "isDirectory"> | undefined): FolderEntry["kind"] {
  if (!entry) return "broken link";
  if (entry.isDirectory()) return "folder";
  return entry.isFile() ? "file" : "pipe";
}

/** Bytes above ASCII as `\xNN`, which keeps different names different. */
const printable = (name: Buffer): string =>
  [...name].map((byte) => (byte < 0x80 ? String.fromCharCode(byte) : `\\x${byte.toString(16)}`)).join("");
