import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FeatureIndex } from "#lib/features/feature_index.js";
import { videoClipTextEncoder } from "#lib/features/index_text_encoder.js";
import { VideoClip } from "#lib/models/videoclip/videoclip.js";
import { serveIndexes } from "#lib/serve/serve.js";
import type { SearchServer, ServeOptions } from "#lib/serve/serve_options.js";
import { SHAPES_MODEL } from "../../shapes/model.js";

export const STAR = "a small red star moves left";
export const CRESCENT = "a large blue crescent spins clockwise";
export const SQUARE = "a green square appears";

/** Windows of a video: the sentence that each one shows, and its span. */
export type Windows = readonly (readonly [sentence: string, start: number, end: number])[];

/**
 * Writes an index of the shipped model whose windows are the sentences themselves, so that the best answer is known.
 * @param videos by the names in the index
 */
export async function writeIndex(folder: string, videos: Record<string, Windows>): Promise<void> {
  const model = await VideoClip.load(SHAPES_MODEL, { device: "cpu" });
  const text = videoClipTextEncoder(model, SHAPES_MODEL);
  const index = await FeatureIndex.create(folder, { dim: text.dim, dtype: "f32", text: text.info });
  try {
    for (const [video, windows] of Object.entries(videos)) {
      const { data: rows } = await text.encode(windows.map(([sentence]) => sentence));
      await index.append([{ video, rows, spans: windows.map(([, start, end]) => [start, end] as const) }]);
    }
  } finally {
    index.dispose();
    model.dispose();
  }
}

/** Bytes of an example file: their positions, so that every part of it differs from the others. */
export const fileBytes = (size: number): Buffer => Buffer.from(Uint8Array.from({ length: size }, (_, i) => i * 7));

export interface Example {
  folder: string;
  index: string;
  videos: string;
}

/** An index of three videos and their files: a star in the first two, overlapping windows in the first. */
export async function writeExample(folder: string): Promise<Example> {
  const [index, videos] = [join(folder, "index"), join(folder, "videos")];
  mkdirSync(join(videos, "more"), { recursive: true });
  for (const name of ["a.mp4", "b.webm", "more/c.mp4"]) writeFileSync(join(videos, name), fileBytes(1000));
  await writeIndex(index, {
    [join(videos, "a.mp4")]: [
      [CRESCENT, 0, 4],
      [STAR, 2, 6],
      [STAR, 4, 8],
      [SQUARE, 6, 10],
      [STAR, 8, 12],
    ],
    [join(videos, "b.webm")]: [
      [SQUARE, 0, 4],
      [STAR, 4, 8],
    ],
    [join(videos, "more/c.mp4")]: [[CRESCENT, 0, 4]],
  });
  return { folder, index, videos };
}

/** A running server with calls that read its JSON. The type of an answer is up to the caller. */
export async function served(folders: readonly string[], options: ServeOptions = {}) {
  const log: Record<string, unknown>[] = [];
  const server: SearchServer = await serveIndexes(folders, {
    port: 0,
    log: (event) => void log.push(event),
    ...options,
  });
  const get = (path: string, init?: RequestInit) => fetch(new URL(path, server.url), { redirect: "manual", ...init });
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  const json = async (path: string, init?: RequestInit): Promise<any> => (await get(path, init)).json();
  const search = (parameters: Record<string, string>) => json(`/api/search?${new URLSearchParams(parameters)}`);
  return { ...server, log, get, json, search };
}
export type Served = Awaited<ReturnType<typeof served>>;
