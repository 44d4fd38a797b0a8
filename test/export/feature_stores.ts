// Folders of features as extractions write them, made without videos.
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ManifestEntry } from "#lib/data/feature_manifest.js";
import { npyBytes } from "#lib/weights/npy.js";

export interface StoredEntry {
  path: string;
  file?: string;
  clips: number;
  partial?: true;
  finished_at?: string;
  settings?: Record<string, unknown>;
  /** Default: `[i, i + 1.5]` for clip i. */
  timestamps?: [number, number][];
}

export const SETTINGS = {
  model: "s3d-tiny",
  output: "mixed_5c",
  dim: 6,
  weights: "0123abcd",
  precision: "f32",
  l2: false,
  dtype: "f16",
  preset: { name: "shapes", fps: 25 },
  onError: "skip",
};

/** Values that f16 holds exactly; each video and row has others. */
export function valuesOf(path: string, clips: number, dim: number): Float32Array {
  const seed = [...path].reduce((sum, character) => (sum * 31 + character.codePointAt(0)!) % 997, 7);
  return Float32Array.from({ length: clips * dim }, (_, i) => ((seed + 13 * i) % 257) / 64 - 2);
}

/** Writes features and their records; a part is `manifest.PART.jsonl`. */
export function addToStore(folder: string, entries: readonly StoredEntry[], part = ""): void {
  mkdirSync(folder, { recursive: true });
  for (const {
    path,
    file = `${entries.indexOf(entries.find((one) => one.path === path)!)}${part}.npy`,
    clips,
    ...rest
  } of entries) {
    const settings = { ...SETTINGS, ...rest.settings };
    const { dim, dtype } = settings;
    writeFileSync(join(folder, file), npyBytes(valuesOf(path, clips, dim), [clips, dim], dtype as "f16" | "f32"));
    const entry: ManifestEntry = {
      path,
      file,
      duration: clips + 0.5,
      clips,
      timestamps: Array.from({ length: clips }, (_, i) => [i, i + 1.5]),
      padded_frames: 0,
      finished_at: "2026-01-01T00:00:00.000Z",
      ...rest,
      settings,
    };
    appendFileSync(join(folder, `manifest${part}.jsonl`), `${JSON.stringify(entry)}\n`);
  }
}
