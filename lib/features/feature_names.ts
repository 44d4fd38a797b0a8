import { createHash } from "node:crypto";
import { parse } from "node:path";
import { fileNameOf } from "../base/addresses.js";
import type { ManifestRecord } from "../records/feature_manifest.js";

/** Bytes of the longest name that file systems support. */
const LONGEST = 255;
const ENDING = ".npy";

/**
 * Names of feature files: the name in the video's record if it has one, otherwise the video's base name, with 8
 * hexadecimal digits of its path's SHA-256 if another input or record has the same name. A name that is too long is cut
 * and gets these digits.
 */
export function featureNames(
  paths: readonly string[],
  records: ReadonlyMap<string, Pick<ManifestRecord, "path" | "file">>,
): Map<string, string> {
  const owners = new Map<string, Set<string>>();
  const claim = (name: string, path: string) => {
    const key = name.toLowerCase(); // some file systems ignore case
    owners.set(key, (owners.get(key) ?? new Set()).add(path));
  };
  for (const path of paths) claim(baseOf(path), path);
  for (const { path, file } of records.values()) {
    claim(baseOf(path), path);
    claim(parse(file).name, path); // a video that was moved and renamed keeps its feature file
  }
  return new Map(
    paths.map((path) => {
      const known = records.get(path);
      if (known) return [path, known.file];
      const base = baseOf(path);
      if (owners.get(base.toLowerCase())!.size === 1 && fits(base)) return [path, `${base}${ENDING}`];
      const digits = `-${createHash("sha256").update(path).digest("hex").slice(0, 8)}`;
      return [path, `${cut(base, LONGEST - digits.length - ENDING.length)}${digits}${ENDING}`];
    }),
  );
}

const baseOf = (path: string): string => parse(fileNameOf(path)).name.replace(/^\.+/, "_") || "video";
const fits = (base: string): boolean => Buffer.byteLength(base) <= LONGEST - ENDING.length;

/** The leading characters of a text that fit into `bytes` bytes of UTF-8. */
function cut(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  let kept = "";
  let size = 0;
  for (const character of text) {
    size += Buffer.byteLength(character);
    if (size > bytes) break;
    kept += character;
  }
  return kept;
}
