import { quietly } from "../base/files.js";
import type { TextEncoderInfo } from "./index_format.js";
import type { IndexContent, IndexedVideo, IndexWriter } from "./index_writer.js";

/** Seconds of work between two commits of a long append. */
const COMMIT_SECONDS = 5;

export interface WriteOptions {
  /** Replace the rows of a video that the index already has. Default: refuse it. */
  replace?: boolean | undefined;
  /** Videos that are removed first, and may be added again. */
  remove?: readonly string[] | undefined;
  /** Asked after the last video: those that are removed with the last commit. */
  removeLast?: (() => readonly string[]) | undefined;
  /** The new record of the text encoder. */
  text?: TextEncoderInfo | undefined;
  /** Begin an index with these facts, which replaces the one that is there in one step. */
  fresh?: IndexContent | undefined;
  /**
   * If the work fails, take back what was added meanwhile, or remove the index, which is new. Interrupted work keeps what
   * it added. Default: keep it.
   */
  undo?: "changes" | "index" | undefined;
  /** Called before the last commit; if it throws, the work fails. */
  beforeEnd?: (() => void) | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: { videos: number; rows: number }) => void) | undefined;
}

/**
 * Adds videos to an open index and commits them. What only adds is committed every few seconds; what replaces videos, or
 * the whole index, is committed at the end in one step. If the work is interrupted, the videos so far are committed,
 * unless the whole index is replaced.
 * @returns number of added videos
 */
export async function writeVideos(
  writer: IndexWriter,
  videos: Iterable<IndexedVideo> | AsyncIterable<IndexedVideo>,
  options: WriteOptions,
): Promise<number> {
  const { replace = false, remove = [], removeLast, text, fresh, undo, signal, onProgress } = options;
  let added = 0;
  let saved = Date.now();
  try {
    for (const video of remove) writer.remove(video);
    if (!fresh && writer.replaces) writer.commit();
    for await (const video of videos) {
      signal?.throwIfAborted();
      writer.add(video, replace);
      added++;
      onProgress?.({ videos: added, rows: writer.manifest.rows });
      if (Date.now() - saved < COMMIT_SECONDS * 1000 || writer.replaces) continue;
      writer.commit();
      saved = Date.now();
    }
    for (const video of removeLast?.() ?? []) writer.remove(video);
    if (text) writer.setText(text);
    options.beforeEnd?.();
    if (writer.changed) writer.commit();
  } catch (error) {
    if (fresh) throw error;
    const failed = undo && !signal?.aborted;
    if (!failed && added > 0) writer.commit();
    if (undo === "index" && (failed || writer.committedVideos === 0)) quietly(() => writer.discard());
    else if (failed) quietly(() => writer.undo());
    throw error;
  }
  return added;
}
