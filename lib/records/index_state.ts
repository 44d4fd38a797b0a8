import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import { DurableFile } from "../base/files.js";
import type { BrokenRecord } from "./feature_manifest.js";

/** How much of a part of a manifest an index covers. */
export interface CoveredPart {
  name: string;
  bytes: number;
  lines: number;
  /** Hash of some of these bytes, by which another file of this name is noticed. */
  sample: string;
}

/** A generation of an index: what its tables cover, and what is known of all their records. */
export interface IndexState {
  format: typeof FORMAT;
  /** Name of the folder with the tables. */
  generation: string;
  /** Rows name a part by its place in this list. */
  parts: CoveredPart[];
  /** Different settings of records, and the number of videos whose current record has them. */
  settings: { settings: Record<string, unknown>; videos: number }[];
  broken: { count: number; first: BrokenRecord[] };
  /** Bytes of the tables. */
  tables: { paths: number; marks: number };
}

const FORMAT = 1;
const NAME = "state.json";
const SAMPLE = 4096;
const SAMPLES = 8;

/** The state that is in a folder; undefined if there is none, or none of this version. */
export function readState(home: string): IndexState | undefined {
  try {
    const state = JSON.parse(readFileSync(join(home, NAME), "utf8")) as Partial<IndexState>;
    const { format, generation, parts, settings, broken, tables } = state;
    const whole =
      format === FORMAT &&
      /^[0-9a-f]{16}$/.test(String(generation)) &&
      Array.isArray(parts) &&
      Array.isArray(settings) &&
      typeof broken?.count === "number" &&
      Array.isArray(broken.first) &&
      typeof tables?.paths === "number";
    return whole ? (state as IndexState) : undefined;
  } catch {
    return undefined; // there is none, or it was cut: the index is made again
  }
}

/** Makes a generation the current one. */
export function writeState(home: string, state: Omit<IndexState, "format">): void {
  const file = new DurableFile(join(home, NAME), join(home, `${state.generation}.tmp`));
  try {
    file.write(JSON.stringify({ format: FORMAT, ...state }));
    file.commit();
  } catch (error) {
    file.discard();
    throw error;
  }
}

/** Whether the parts still begin with the bytes that a state covers. */
export const coversStill = (folder: string, { parts }: IndexState): boolean =>
  parts.every(({ name, bytes, sample }) => sampleOf(join(folder, name), bytes) === sample);

/**
 * A hash of bytes at the begin, at the end and between of the first `length` bytes of a file; undefined if there are
 * fewer.
 */
export function sampleOf(path: string, length: number): string | undefined {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return undefined;
  }
  try {
    if (fstatSync(file).size < length) return undefined;
    const hash = createHash("sha256");
    const block = Buffer.alloc(Math.min(SAMPLE, length));
    for (let i = 0; i < SAMPLES; i++) {
      const at = Math.floor(((length - block.length) * i) / (SAMPLES - 1));
      hash.update(block.subarray(0, readSync(file, block, 0, block.length, at)));
    }
    return hash.digest("hex").slice(0, 32);
  } finally {
    closeSync(file);
  }
}
