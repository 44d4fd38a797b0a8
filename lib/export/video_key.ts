import { createHash } from "node:crypto";
import { parse } from "node:path";

/** Characters of a key that come from the name of the video. */
const NAME_LENGTH = 60;

/**
 * The key of a video where paths cannot be keys: what its name has in ASCII, and 16 hexadecimal digits of its path's
 * SHA-256. It has no dots, since readers of WebDataset take what follows the first one for an ending; it depends on
 * nothing but the path.
 */
export function videoKey(path: string): string {
  const name = parse(path).name.replace(/[^A-Za-z0-9_-]+/g, "_").slice(0, NAME_LENGTH); // prettier-ignore
  return `${name}-${createHash("sha256").update(path).digest("hex").slice(0, 16)}`;
}
