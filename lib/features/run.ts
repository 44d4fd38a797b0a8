import { resolve } from "node:path";
import { InvalidArgumentError, VideoError } from "../errors.js";
import type { ClipEncoder } from "../models/encode_clips.js";
import type { VideoEncoder } from "../models/video_encoder.js";
import { type ExtractEvent, type ExtractOptions, extractEvents } from "./extract.js";
import { expandInputs, takeShard } from "./inputs.js";
import { FeatureStore, FeatureWriter, featureNames } from "./store.js";

export interface ExtractToFolderOptions extends ExtractOptions {
  /** A `VideoEncoder`, or anything that makes rows of clips and says what the manifest notes. */
  encoder: ClipEncoder & Pick<VideoEncoder, "model" | "output" | "weightsHash" | "precision">;
  out: string;
  /** Default f16. */
  saveDtype?: "f32" | "f16" | undefined;
  /** `I/N`: only every N-th video from the I-th on. */
  shard?: string | undefined;
  /** Go on with a folder: finished videos are left alone, as are failed ones unless `retryFailed`. */
  resume?: boolean | undefined;
  retryFailed?: boolean | undefined;
  /** Keep the features of a video that stops early; its manifest entry says `partial`. */
  keepPartial?: boolean | undefined;
  /** Called for each event, once what it says is saved. */
  onEvent?: ((event: ExtractEvent) => void) | undefined;
}

export interface ExtractSummary {
  videos: number;
  clips: number;
  failures: number;
  /** Left alone because an earlier run finished them. */
  skipped: number;
  seconds: number;
}

/**
 * Extracts features into a folder: one `.npy` `[clips, dim]` per video, `manifest.jsonl` and `failures.jsonl`.
 * @throws InvalidArgumentError; DatasetError for a manifest that cannot be read; the signal's reason, after what was finished
 * is saved
 */
export async function extractToFolder(
  inputs: readonly string[],
  options: ExtractToFolderOptions,
): Promise<ExtractSummary> {
  const { encoder, saveDtype = "f16", shard } = options;
  const started = Date.now();
  const all = await expandInputs(inputs);
  const mine = takeShard(all, shard);
  const suffix = shard ? `.${shard.replace("/", "-of-")}` : "";
  const store = await FeatureStore.open(resolve(options.out), suffix, { signal: options.signal });
  const writers = new Map<string, FeatureWriter>();
  const summary = { videos: 0, clips: 0, failures: 0, skipped: 0, seconds: 0 };
  try {
    const settings = settingsOf(options, saveDtype);
    checkResume(store, options, settings);
    if (options.retryFailed) store.clearFailures();
    const done = new Set([...store.entries, ...store.failures].map((entry) => entry.path));
    const todo = mine.filter((path) => !done.has(path));
    summary.skipped = mine.length - todo.length;
    summary.failures = store.failures.length;
    const names = featureNames(all, store.entries);

    for await (const event of extractEvents(todo, options)) {
      const writer = writers.get(event.path);
      if (event.type === "clip") {
        const target = writer ?? new FeatureWriter(store, names.get(event.path)!, encoder.dim, saveDtype);
        writers.set(event.path, target);
        target.add(event.feature, event.start, event.end, event.paddedFrames);
        summary.clips++;
      } else {
        writers.delete(event.path);
        const partial = event.type === "failure";
        if (writer && (!partial || (options.keepPartial && event.error.code === "ERR_VIDEO_TRUNCATED"))) {
          writer.finish();
          store.addEntry({
            path: event.path,
            file: writer.name,
            duration: event.info?.duration ?? 0,
            clips: writer.timestamps.length,
            timestamps: writer.timestamps,
            padded_frames: writer.paddedFrames,
            ...(partial ? { partial } : {}),
            settings,
            finished_at: new Date().toISOString(),
          });
        } else {
          writer?.discard();
        }
        if (event.type === "end" && writer) summary.videos++;
        else {
          summary.failures++;
          const error =
            event.type === "failure"
              ? event.error
              : new VideoError("ERR_VIDEO_NO_FRAMES", `${event.path}: no frame was decoded`, { file: event.path });
          const { code, message, details } = error;
          store.addFailure({
            path: event.path,
            code,
            reason: message,
            time: details.time,
            failed_at: new Date().toISOString(),
          });
        }
      }
      options.onEvent?.(event);
    }
  } finally {
    for (const writer of writers.values()) writer.discard();
    store.close();
  }
  summary.seconds = (Date.now() - started) / 1000;
  return summary;
}

/** Everything that features depend on: a folder holds one setting. */
function settingsOf({ encoder, l2 = false }: ExtractToFolderOptions, saveDtype: string): Record<string, unknown> {
  const { model, output, dim, weightsHash, precision, preset } = encoder;
  return { model, output, dim, weights: weightsHash, precision, l2, dtype: saveDtype, preset };
}

function checkResume(store: FeatureStore, options: ExtractToFolderOptions, settings: Record<string, unknown>): void {
  if (store.isEmpty) return;
  if (!options.resume && !options.retryFailed) {
    throw new InvalidArgumentError(
      `${store.folder} already holds features: add --resume to go on, or give another --out`,
      {
        argument: "out",
      },
    );
  }
  const before = store.entries[0]?.settings;
  if (!before) return;
  for (const key of Object.keys(settings)) {
    const [old, now] = [before[key], settings[key]].map((value) => JSON.stringify(value));
    if (old !== now) {
      throw new InvalidArgumentError(
        `${store.folder} was made with ${key} ${old}, this run has ${now}: use the same settings or another --out`,
        {
          argument: key,
          expected: before[key],
          received: settings[key],
        },
      );
    }
  }
}
