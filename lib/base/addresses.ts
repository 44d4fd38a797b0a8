import { basename } from "node:path";
import { fileURLToPath } from "node:url";

/** A scheme of two letters or more; a single letter is a drive of Windows. */
const ADDRESS = /^([a-z][a-z0-9+.-]+):\/\//i;

/** Whether a text is an address such as `s3://bucket/x` instead of a path. */
export const isAddress = (text: string): boolean => ADDRESS.test(text);

/** Whether a text is the address of an object or of a file on the web, which is downloaded to be opened. */
export const isRemote = (text: string): boolean => /^(s3|https?):\/\//i.test(text);

/** The name of the file at an address or a path: its last part, without the query of an address of the web. */
export function fileNameOf(path: string): string {
  if (!isAddress(path)) return basename(path);
  const isWeb = /^https?:/i.test(path);
  const name = (isWeb ? path.replace(/[?#].*$/s, "") : path).replace(ADDRESS, "").split("/").slice(1).pop() ?? "";
  // eslint-disable-next-line no-control-regex
  return (isWeb ? decoded(name) : name).replace(/[\x00/]/g, "_");
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

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
