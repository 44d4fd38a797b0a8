import { createHash } from "node:crypto";
import type { ManifestRecord } from "../records/feature_manifest.js";
import { baseOf, claimsOf } from "../records/record_order.js";

/** Bytes of the longest name that file systems support. */
const LONGEST = 255;
const ENDING = ".npy";

type Named = Pick<ManifestRecord, "path" | "file">;

/** Videos that have feature files. */
export interface NamedVideos {
  get(path: string): Named | undefined;
  /** Videos that have a name, or whose feature file has it, in lower case and without folder and ending. */
  claimants(name: string): Iterable<Named>;
}

/** Names of feature files by the path of the video. */
export interface FeatureNames {
  get(path: string): string;
}

/**
 * Names of feature files: the name in the video's record if it has one, otherwise the video's base name, with 8
 * hexadecimal digits of its path's SHA-256 if another input or record has the same name. A name that is too long is cut
 * and gets these digits. The names are not kept in memory: only those that several inputs have.
 */
export function featureNames(videos: readonly { path: string }[], records: NamedVideos): FeatureNames {
  const repeated = repeatedNames(videos);
  const isTaken = (base: string, path: string) => {
    const key = base.toLowerCase(); // some file systems ignore case
    if (repeated.has(key)) return true;
    for (const other of records.claimants(key)) if (other.path !== path) return true;
    return false;
  };
  return {
    get(path) {
      const known = records.get(path);
      if (known) return known.file;
      const base = baseOf(path);
      if (fits(base) && !isTaken(base, path)) return `${base}${ENDING}`;
      const digits = `-${createHash("sha256").update(path).digest("hex").slice(0, 8)}`;
      return `${cut(base, LONGEST - digits.length - ENDING.length)}${digits}${ENDING}`;
    },
  };
}

/** Base names, in lower case, that several paths have. Names are first compared by hashes, of 8 bytes each. */
function repeatedNames(videos: readonly { path: string }[]): Set<string> {
  const hashes = new Float64Array(videos.length);
  for (const [i, { path }] of videos.entries()) hashes[i] = hashOf(baseOf(path).toLowerCase());
  const sorted = hashes.slice().sort();
  const several = new Set<number>();
  for (let i = 1; i < sorted.length; i++) if (sorted[i] === sorted[i - 1]) several.add(sorted[i]);
  const repeated = new Set<string>();
  if (several.size === 0) return repeated;
  const owners = new Map<string, string>();
  for (const [i, { path }] of videos.entries()) {
    if (!several.has(hashes[i])) continue;
    const name = baseOf(path).toLowerCase();
    if ((owners.get(name) ?? path) !== path) repeated.add(name);
    else owners.set(name, path);
  }
  return repeated;
}

/** A hash of 53 bits. */
function hashOf(text: string): number {
  let [a, b] = [0x811c9dc5, 0x9e3779b9];
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x01000193);
    b = Math.imul(b ^ unit, 0x85ebca6b) ^ (b >>> 13);
  }
  return (a >>> 0) * 0x200000 + (b >>> 11);
}

/** Videos that have names but no records yet, together with records. */
export function withNames(known: ReadonlyMap<string, Named>, records: NamedVideos): NamedVideos {
  const names = new Map<string, Named | Named[]>();
  for (const video of known.values()) {
    for (const name of new Set(Object.values(claimsOf(video)))) {
      const others = names.get(name);
      names.set(name, others === undefined ? video : Array.isArray(others) ? (others.push(video), others) : [others, video]); // prettier-ignore
    }
  }
  return {
    get: (path) => known.get(path) ?? records.get(path),
    *claimants(name) {
      const some = names.get(name);
      if (some) yield* Array.isArray(some) ? some : [some];
      yield* records.claimants(name);
    },
  };
}

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
