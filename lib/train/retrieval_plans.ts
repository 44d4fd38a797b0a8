import { existsSync } from "node:fs";
import { join } from "node:path";
import { planRetrieval, type RetrievalPlan } from "../data/retrieval.js";
import { VideoClipError } from "../base/errors.js";
import { makeFolder } from "../base/files.js";
import { readSafetensors, writeSafetensors } from "../weights/safetensors.js";
import { ByteFile } from "../weights/byte_file.js";
import type { VideoVectors } from "./video_vectors.js";

export interface RetrievalPlansOptions {
  /** Folder of the plans, `epoch-00000.safetensors` and so on. Without one, plans are kept in memory only. */
  folder?: string | undefined;
  /** Videos of a batch. */
  size: number;
  batches: number;
  /** Number of nearest neighbours from which a batch is drawn. */
  candidates: number;
  metric: "l2" | "dot";
  seed: number;
  /** Further data that plans depend on; a plan with another source is not used. */
  source: Record<string, unknown>;
}

/**
 * Retrieval plans of the epochs of a run. A plan depends on the model at the start of its epoch, so it is kept for a
 * run that is resumed within the epoch.
 */
export class RetrievalPlans {
  readonly #options: RetrievalPlansOptions;

  constructor(options: RetrievalPlansOptions) {
    this.#options = options;
    if (options.folder !== undefined) makeFolder(options.folder);
  }

  #path(epoch: number): string | undefined {
    const { folder } = this.#options;
    return folder === undefined ? undefined : join(folder, `epoch-${String(epoch).padStart(5, "0")}.safetensors`);
  }

  #source(): string {
    const { folder: _, ...rest } = this.#options;
    return JSON.stringify(rest);
  }

  /**
   * Reads the plan of an epoch that has begun.
   * @throws VideoClipError `ERR_CHECKPOINT` when there is none, or it was made from other data or options
   */
  resume(epoch: number): RetrievalPlan {
    const path = this.#path(epoch);
    const kept = path !== undefined && existsSync(path) ? readPlan(path) : undefined;
    if (kept?.source === this.#source()) return kept.plan;
    const why = kept ? `${path} was made with other data or options` : `${path ?? "memory"} has none`;
    throw new VideoClipError(
      "ERR_CHECKPOINT",
      `epoch ${epoch} cannot be resumed without the retrieval plan that it began with: ${why}. ` +
        "Resume with the options and the folder of the run, or begin a new one",
      { ...(path === undefined ? {} : { file: path }) },
    );
  }

  /**
   * The plan of an epoch that begins now: from its file if the same model made it, otherwise a new one.
   * @param model fingerprint of the model: see `fingerprint`
   * @param embed computes the vectors of all videos
   */
  async begin(
    epoch: number,
    model: string,
    embed: () => Promise<VideoVectors>,
    {
      signal,
      onProgress,
    }: { signal?: AbortSignal | undefined; onProgress?: ((done: number, batches: number) => void) | undefined } = {},
  ): Promise<RetrievalPlan> {
    const path = this.#path(epoch);
    if (path !== undefined && existsSync(path)) {
      const kept = readPlan(path);
      if (kept.model === model && kept.source === this.#source()) return kept.plan;
    }
    const { size, batches, candidates, metric, seed } = this.#options;
    const { videos, rows } = await embed();
    const width = rows.length / videos.length;
    const options = { size, batches, candidates, metric, seed, epoch, signal, onProgress };
    const plan = await planRetrieval(rows, width, options);
    const groups = plan.groups.map((group) => group.map((row) => videos[row]));
    const result = { ...plan, groups };
    if (path !== undefined) writePlan(path, result, { model, source: this.#source() });
    return result;
  }
}

function writePlan(path: string, { groups, ...statistics }: RetrievalPlan, about: Record<string, string>): void {
  const videos = Int32Array.from(groups.flatMap((group) => [...group]));
  const bytes = new Uint8Array(videos.buffer);
  writeSafetensors(
    path,
    new Map([["videos", { dtype: "I32", shape: [groups.length, groups[0].length], read: () => bytes }]]),
    { format: "videoclip-retrieval-plan", ...about, statistics: JSON.stringify(statistics) },
  );
}

function readPlan(path: string): { plan: RetrievalPlan; model: string; source: string } {
  const file = new ByteFile(path);
  try {
    const { tensors, metadata } = readSafetensors(file);
    const videos = tensors.get("videos");
    if (metadata.format !== "videoclip-retrieval-plan" || !videos) throw file.fail("not a plan of retrieval");
    const bytes = videos.read();
    const all = new Int32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    const [batches, size] = videos.shape;
    const groups = Array.from({ length: batches }, (_, b) => all.subarray(b * size, (b + 1) * size));
    const statistics = JSON.parse(metadata.statistics) as Omit<RetrievalPlan, "groups">;
    return { plan: { groups, ...statistics }, model: metadata.model, source: metadata.source };
  } finally {
    file.close();
  }
}
