import { isUtf8 } from "node:buffer";
import { closeSync, openSync, readSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { VideoError } from "../../base/errors.js";
import { TO_READ } from "../../base/open_flags.js";
import { type FolderEntry, walkFolder } from "../../base/walk_folder.js";
import type { InputItem } from "./input_item.js";
import { endingOf, isMachineFolder, isMediaName, isPictureName, isVideoName, stemOf } from "../../base/media_names.js";
import type { Omissions } from "./omissions.js";

/** Number of entries after which other tasks run. */
const BATCH = 1000;

/**
 * Videos and pictures in a folder and its subfolders, by their names; links to folders are followed, each real folder
 * once. Entries that cannot be read, and files named like videos that are none, are items with an error. Hidden files,
 * pictures with the name of a video, source text that ends in `.ts` and all other extensions are left out.
 * @param omitted counts what is left out
 */
export async function searchFolder(root: string, omitted: Omissions): Promise<InputItem[]> {
  const items: InputItem[] = [];
  const pictures: FolderEntry[] = [];
  /** names of videos in lower case, with and without extension, by folder */
  const videos = new Map<string, Set<string>>();
  const enter = (name: string): boolean => {
    if (!isMachineFolder(name)) return true;
    omitted.folder(name);
    return false;
  };
  let count = 0;
  for (const entry of walkFolder(root, enter)) {
    if (++count % BATCH === 0) await turn();
    if (!("kind" in entry)) {
      items.push({ path: entry.path, error: unreadable(entry.path, entry.reason, entry.cause) });
      continue;
    }
    const { path, folder, name, kind } = entry;
    if (name.startsWith(".") || (kind === "folder" && (!isMediaName(name) || isMachineFolder(name)))) continue;
    if (!isMediaName(name)) omitted.ending(endingOf(name));
    else if (kind === "folder") items.push({ path, error: unreadable(path, "is a directory, not a file") });
    else if (kind === "pipe")
      items.push({ path, error: unreadable(path, "is a pipe, a socket or a device, not a file") });
    else if (kind === "file" && isSourceFile(path)) omitted.ending(`${endingOf(name)} source text`);
    else if (isPictureName(name)) pictures.push(entry);
    else {
      items.push({ path });
      const names = videos.get(folder) ?? new Set();
      videos.set(folder, names.add(name.toLowerCase()).add(stemOf(name).toLowerCase()));
    }
  }
  for (const { path, folder, name } of pictures) {
    if (videos.get(folder)?.has(stemOf(name).toLowerCase())) omitted.picture();
    else items.push({ path });
  }
  return items;
}

const unreadable = (path: string, reason: string, cause?: unknown): VideoError =>
  new VideoError("ERR_VIDEO_UNREADABLE", `${path}: ${reason}`, { file: path, cause });

/** Whether a file of this name may be TypeScript source instead of a transport stream. */
export const mayBeSourceText = (name: string): boolean => isVideoName(name) && ["ts", "mts"].includes(endingOf(name));

/** Bytes of a file by which source text is recognised. */
export const SOURCE_HEAD = 1024;

function isSourceFile(path: string): boolean {
  if (!mayBeSourceText(path)) return false;
  const head = Buffer.alloc(SOURCE_HEAD);
  let length: number;
  try {
    const file = openSync(path, TO_READ);
    try {
      length = readSync(file, head, 0, head.length, 0);
    } finally {
      closeSync(file);
    }
  } catch {
    return false; // decoding it reports the reason
  }
  return isSourceText(head.subarray(0, length));
}

/** Whether a file with the extension of a transport stream is source: empty, or text without the stream's sync bytes. */
export function isSourceText(text: Uint8Array): boolean {
  const { length } = text;
  // packets of 188 bytes, of 192 with a leading time, or of 204 with trailing parity
  if ([[0, 188], [0, 204], [4, 196]].some((places) => places.every((at) => at < length && text[at] === 0x47))) return false; // prettier-ignore
  const whole = [0, 1, 2, 3].some((cut) => isUtf8(text.subarray(0, Math.max(0, length - cut)))); // the last character may be incomplete
  return whole && text.every((byte) => byte >= 32 || (byte >= 9 && byte <= 13));
}
