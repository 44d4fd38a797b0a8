// Folders of features as extractions write them, made without videos.
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ManifestEntry } from "#lib/records/feature_manifest.js";
import { npyBytes } from "#lib/weights/npy.js";

/** A video of a store; the values of its features follow from its path. */
export interface StoredEntry {
  path: string;
  file: string;
  clips: number;
  partial?: true;
  finished_at?: string;
  settings?: Record<string, unknown>;
}

export const DIM = 6;
export const SPACE = {
  model: "s3d-tiny",
  output: "mixed_5c",
  dim: DIM,
  weights: "0123abcd",
  l2: false,
  preset: { name: "shapes", fps: 25 },
};
const SETTINGS = { ...SPACE, precision: "f32", dtype: "f16", onError: "skip" };

/** Values that f16 holds exactly and that differ between videos and rows. */
export function valuesOf(path: string, clips: number, dim = DIM): Float32Array {
  const seed = [...path].reduce((sum, character) => (sum * 31 + character.codePointAt(0)!) % 997, 7);
  return Float32Array.from({ length: clips * dim }, (_, i) => ((seed + 13 * i) % 1021) / 64 - 8);
}

export const timesOf = (clips: number): [number, number][] => Array.from({ length: clips }, (_, i) => [i, i + 1.5]);

/** Writes features and their records into `manifest.jsonl`, or `manifest.PART.jsonl`. */
export function addToStore(folder: string, entries: readonly StoredEntry[], part = ""): void {
  mkdirSync(folder, { recursive: true });
  for (const { path, file, clips, settings: own, ...rest } of entries) {
    const settings = { ...SETTINGS, ...own };
    const { dim, dtype } = settings;
    writeFileSync(join(folder, file), npyBytes(valuesOf(path, clips, dim), [clips, dim], dtype as "f16" | "f32"));
    const entry: ManifestEntry = {
      path,
      file,
      duration: clips + 0.5,
      clips,
      timestamps: timesOf(clips),
      padded_frames: 0,
      finished_at: "2026-01-01T00:00:00.000Z",
      ...rest,
      settings,
    };
    const name = part === "" ? "manifest.jsonl" : `manifest.${part}.jsonl`;
    appendFileSync(join(folder, name), `${JSON.stringify(entry)}\n`);
  }
}

/** Names that break careless writers: quotes, line breaks, dots, other scripts, very long ones. */
const ODD_NAMES = [
  "/videos/plain.mp4",
  "/videos/.hidden",
  "/videos/..",
  "/videos/two.dots.mp4",
  "../above/plain.mp4",
  "/videos/\"quoted\" 'single' `back`.mp4",
  "/videos/line\nbreak\r\ttab.mp4",
  "/videos/back\\slash\\.mp4",
  "/videos/\\.",
  "/videos/\\N",
  "/videos/ü ñ 日本語 😀\uffee.mp4",
  "C:\\videos\\a.mp4",
  `/videos/${"long".repeat(60)}.mp4`,
  `/${"deep/".repeat(200)}end.mp4`,
  "s3://bucket/key with space.mp4",
  "{braces},$dollar;drop table video_features;--.mp4",
];

/** Every odd name with 1, 2 or 3 clips; one of them is partial. */
export const oddEntries = (): StoredEntry[] =>
  ODD_NAMES.map((path, i) => ({
    path,
    file: `${i}.npy`,
    clips: 1 + (i % 3),
    ...(i === 4 ? { partial: true as const } : {}),
  }));

/** Names in the order of an export, which is that of their bytes. */
export const inOrder = <T extends { path: string }>(entries: readonly T[]): T[] =>
  [...entries].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
