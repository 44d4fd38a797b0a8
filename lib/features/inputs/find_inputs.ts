import { realpathSync } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";
import { isAbsolutePath } from "../../base/absolute_path.js";
import { DatasetError, InvalidArgumentError } from "../../base/errors.js";
import { addressFault, isRemote, pathOfAddress } from "../../base/addresses.js";
import type { InputItem } from "./input_item.js";
import { isListName, readInputList } from "./input_list.js";
import { isMediaName } from "../../base/media_names.js";
import { Omissions } from "./omissions.js";
import { VideoSources } from "../remote/video_sources.js";
import { searchFolder } from "./search_folder.js";

/** A folder of inputs with its identity. If the identity changes later, a disk or mount is gone. */
export interface InputRoot {
  path: string;
  id: string;
}

export interface FoundInputs {
  /** Sorted by path, each path once. */
  items: InputItem[];
  roots: InputRoot[];
  omitted: Omissions;
}

/**
 * All videos of files, folders (with subfolders), globs, lists (see `readInputList`), prefixes of buckets, and addresses
 * of objects and files on the web. A missing file stays in the result, so that it becomes a failure; so do rows and
 * names that cannot be used.
 * @param sources lists prefixes of buckets
 * @throws InvalidArgumentError for an address of another kind, a glob without matches, and when no video is found;
 * DatasetError for a file that is not a list; StorageError for a bucket that cannot be listed
 */
export async function findInputs(
  inputs: readonly string[],
  sources: VideoSources = new VideoSources(),
  signal?: AbortSignal,
): Promise<FoundInputs> {
  if (inputs.length === 0)
    throw new InvalidArgumentError("inputs: expected at least one file, folder, glob or list of videos");
  const omitted = new Omissions();
  let found: InputItem[] = [];
  const roots = new Set<string>();
  for (const input of inputs) {
    const some = isRemote(input) ? await sources.find(input, omitted, signal) : await expand(input, omitted, roots);
    if (found.length === 0) found = some;
    else for (const item of some) found.push(item);
  }
  for (const item of found) {
    if (!item.error && !isRemote(item.path) && !isAbsolutePath(item.path)) item.path = resolve(item.path);
  }
  const items = eachOnce(found);
  if (items.length === 0) {
    const left = omitted.sentence();
    throw new InvalidArgumentError(`inputs: no video was found${left ? `; ${left}` : ""}`, { argument: "inputs" });
  }
  return { items, omitted, roots: await identify(roots) };
}

/** The folders that exist, with their identities. */
export async function identify(folders: Iterable<string>): Promise<InputRoot[]> {
  const known = await Promise.all([...folders].map(async (path) => ({ path, id: await folderId(path) })));
  return known.filter((root): root is InputRoot => root.id !== undefined);
}

async function expand(input: string, omitted: Omissions, roots: Set<string>): Promise<InputItem[]> {
  const fault = addressFault(input);
  if (fault) throw new InvalidArgumentError(`inputs: ${fault}`, { argument: "inputs", received: input });
  const path = pathOfAddress(input) ?? input;
  const info = await stat(path).catch(() => undefined);
  if (info?.isDirectory() && !isMediaName(basename(path))) {
    roots.add(resolve(path));
    return searchFolder(path, omitted);
  }
  if (info?.isFile() && isListName(path)) {
    const items = await readInputList(path);
    if (items.length > 0 && items.every(({ error }) => error?.message.includes("is an address")))
      throw new DatasetError("ERR_MANIFEST", items[0].error!.message, { file: path });
    for (const item of items) if (!item.error && !isRemote(item.path)) roots.add(dirname(item.path));
    return items;
  }
  if (!info && /[*?[\]{}]/.test(path)) {
    const { glob } = await import("tinyglobby"); // imported on demand, because its import fails in a CommonJS bundle
    const paths = await glob(path, { absolute: true });
    if (paths.length === 0) throw new InvalidArgumentError(`inputs: ${path} matches no file`, { argument: "inputs" });
    for (const one of paths) roots.add(dirname(resolve(one)));
    return paths.map((one) => ({ path: one }));
  }
  if (info) roots.add(dirname(resolve(path)));
  return [{ path }];
}

/**
 * Every path once, sorted, in the given array. A file that links make reachable by several paths is kept once, by its
 * real path if that is an input.
 */
function eachOnce(items: InputItem[]): InputItem[] {
  items.sort((a, b) => compare(a.path, b.path));
  keepOnly(items, ({ path }, last) => path !== last?.path);
  const folders = new Map<string, string>();
  /** The real path of an item that is reached through a link. */
  const linked = ({ path, error }: InputItem): string | undefined => {
    if (error || isRemote(path)) return undefined;
    const folder = dirname(path);
    let real = folders.get(folder);
    if (real === undefined) folders.set(folder, (real = realFolder(folder)));
    return real === folder ? undefined : join(real, basename(path));
  };
  const kept = new Set<string>();
  const repeated = new Set<InputItem>();
  for (const item of items) {
    const real = linked(item);
    if (real === undefined) continue;
    if (kept.has(real) || hasPath(items, real)) repeated.add(item);
    else kept.add(real);
  }
  if (repeated.size > 0) keepOnly(items, (item) => !repeated.has(item));
  return items;
}

/** Removes the other items from a list, which is not copied. @param keeps is called with an item and the last one that was kept */
function keepOnly(items: InputItem[], keeps: (item: InputItem, last: InputItem | undefined) => boolean): void {
  let count = 0;
  for (const item of items) if (keeps(item, items[count - 1])) items[count++] = item;
  items.length = count;
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Whether a path is among sorted items. */
function hasPath(sorted: readonly InputItem[], path: string): boolean {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(sorted[middle].path, path) < 0) low = middle + 1;
    else high = middle;
  }
  return sorted[low]?.path === path;
}

function realFolder(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
}

/** Identity of a folder, which differs from that of another folder at the same path. */
async function folderId(path: string): Promise<string | undefined> {
  const info = await stat(path, { bigint: true }).catch(() => undefined);
  return info?.isDirectory() ? `${info.dev} ${info.ino}` : undefined;
}

/** A folder of inputs that is gone or replaced. @returns its path */
export async function lostRoot(roots: readonly InputRoot[], path: string): Promise<string | undefined> {
  for (const root of roots) {
    if (!`${path}${sep}`.startsWith(root.path.endsWith(sep) ? root.path : `${root.path}${sep}`)) continue;
    if ((await folderId(root.path)) !== root.id) return root.path;
  }
  return undefined;
}
