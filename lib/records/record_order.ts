import { fileNameOf } from "../base/addresses.js";
import { parse } from "node:path";

/** Where a record is: path of the part of the manifest, position of the line in it, and its number of bytes. */
export interface Place {
  manifest: string;
  at: number;
  bytes: number;
}

/** Where a record is, and when its video was finished. */
export interface Stamp extends Place {
  finishedAt: string;
}

/**
 * The record that counts, of several of one path or of one feature file: of each part its last line; of these the one
 * that was finished last, and of equal times the one in the part with the last name.
 */
export function latestOf<T extends Stamp>(stamps: readonly T[]): T | undefined {
  if (stamps.length <= 1) return stamps[0];
  const ofPart = new Map<string, T>();
  for (const stamp of stamps) {
    const other = ofPart.get(stamp.manifest);
    if (!other || other.at < stamp.at) ofPart.set(stamp.manifest, stamp);
  }
  let latest: T | undefined;
  for (const stamp of ofPart.values()) if (!latest || isAfter(stamp, latest)) latest = stamp;
  return latest;
}

const isAfter = (a: Stamp, b: Stamp): boolean =>
  a.finishedAt === b.finishedAt ? a.manifest > b.manifest : a.finishedAt > b.finishedAt;

export const isSame = (a: Place, b: Place): boolean => a.at === b.at && a.manifest === b.manifest;

/** The name of a video without folder and ending, as its feature file is called where no other has this name. */
export const baseOf = (path: string): string => parse(fileNameOf(path)).name.replace(/^\.+/, "_") || "video";

/** The names, in lower case, that a video and its feature file occupy: some file systems ignore case. */
export function claimsOf({ path, file }: { path: string; file: string }): { base: string; name: string } {
  return { base: baseOf(path).toLowerCase(), name: parse(file).name.toLowerCase() };
}
