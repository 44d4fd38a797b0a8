import { fileURLToPath } from "node:url";

/** A scheme of two letters or more; a single letter is a drive of Windows. */
const ADDRESS = /^([a-z][a-z0-9+.-]+):\/\//i;

/** Whether a text is an address such as `s3://bucket/x` instead of a path. */
export const isAddress = (text: string): boolean => ADDRESS.test(text);

/** The reason why an address is not a path; undefined for a path, and for `file://`, which is converted to one. */
export function addressFault(text: string): string | undefined {
  const scheme = ADDRESS.exec(text)?.[1].toLowerCase();
  if (scheme === undefined) return undefined;
  if (scheme !== "file") return `${text} is an address, and only files of this machine are opened: download it first`;
  return pathOfAddress(text) === undefined ? `${text} names no file of this machine` : undefined;
}

/** The path of a `file://` address; undefined for anything else. */
export function pathOfAddress(text: string): string | undefined {
  if (!/^file:\/\//i.test(text)) return undefined;
  try {
    return fileURLToPath(text);
  } catch {
    return undefined;
  }
}
