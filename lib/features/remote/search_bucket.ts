import { endingOf, isMachineFolder, isMediaName, isPictureName, stemOf } from "../../base/media_names.js";
import type { ObjectFacts, ObjectStore } from "../../storage/object_store.js";
import type { InputItem } from "../inputs/input_item.js";
import type { Omissions } from "../inputs/omissions.js";
import { isSourceText, mayBeSourceText, SOURCE_HEAD } from "../inputs/search_folder.js";

/**
 * Videos and pictures below a prefix of a bucket, by the rules of `searchFolder`. A key is a path whose parts are
 * separated by slashes.
 * @param prefix empty, or with a slash at its end
 * @param omitted counts what is left out
 * @throws StorageError
 */
export async function searchBucket(
  store: ObjectStore,
  bucket: string,
  prefix: string,
  omitted: Omissions,
  signal?: AbortSignal,
): Promise<InputItem[]> {
  const items: InputItem[] = [];
  const pictures: { folder: string; name: string; item: InputItem }[] = [];
  /** names of videos in lower case, with and without extension, by folder */
  const videos = new Map<string, Set<string>>();
  const machine = new Set<string>();
  for await (const facts of store.list(prefix, { signal })) {
    const { key } = facts;
    const path = `s3://${bucket}/${key}`;
    const parts = key.slice(prefix.length).split("/");
    const name = parts.pop()!;
    const owned = parts.findIndex(isMachineFolder);
    if (owned >= 0) {
      const folder = parts.slice(0, owned + 1).join("/");
      if (!machine.has(folder)) omitted.folder(parts[owned]);
      machine.add(folder);
      continue;
    }
    if (name === "" || name.startsWith(".")) continue; // a marker of a folder, or hidden
    const folder = parts.join("/");
    const item = { path, source: sourceOf(facts) };
    if (!isMediaName(name)) omitted.ending(endingOf(name));
    else if (await isTypeScript(store, facts, name, signal)) omitted.ending(`${endingOf(name)} source text`);
    else if (isPictureName(name)) pictures.push({ folder, name, item });
    else {
      items.push(item);
      const names = videos.get(folder) ?? new Set();
      videos.set(folder, names.add(name.toLowerCase()).add(stemOf(name).toLowerCase()));
    }
  }
  for (const { folder, name, item } of pictures) {
    if (videos.get(folder)?.has(stemOf(name).toLowerCase())) omitted.picture();
    else items.push(item);
  }
  return items;
}

/** The facts of an object for its record. */
export const sourceOf = ({ bytes, modified, etag }: Omit<ObjectFacts, "key">) => ({
  bytes,
  modified,
  ...(etag === undefined ? {} : { etag }),
});

/** Whether an object is TypeScript source; its head is read only if its size is not one of transport streams. */
async function isTypeScript(store: ObjectStore, { key, bytes }: ObjectFacts, name: string, signal?: AbortSignal) {
  if (!mayBeSourceText(name)) return false;
  if (bytes === 0) return true;
  if ([188, 192, 204].some((packet) => bytes % packet === 0)) return false;
  const parts: Uint8Array[] = [];
  const { body } = await store.get(key, { from: 0, to: Math.min(SOURCE_HEAD, bytes) - 1, signal });
  for await (const part of body) parts.push(part);
  return isSourceText(Buffer.concat(parts));
}
