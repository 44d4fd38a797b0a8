// Short videos and a small network for tests of extraction.
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { extractToFolder, type ExtractToFolderOptions } from "#lib/features/run.js";
import { VideoEncoder } from "#lib/models/video/video_encoder.js";
import { makeVideo } from "../../scripts/make_samples.mjs";

/** Makes videos of half a second with different contents. */
export async function makeVideos(folder: string, names: readonly string[]): Promise<string[]> {
  const paths = names.map((name) => join(folder, name));
  for (const [i, path] of paths.entries()) {
    mkdirSync(dirname(path), { recursive: true });
    await makeVideo(path, { seed: i + 1, frames: 12, width: 64, height: 64 });
  }
  return paths;
}

export const tinyEncoder = (): Promise<VideoEncoder> =>
  VideoEncoder.load({ model: "s3d-tiny", preset: "shapes", randomWeights: 1, threads: 1, device: "cpu" });

/** Extracts with an encoder; returns the messages beside the summary. */
export async function extractTiny(
  encoder: VideoEncoder,
  inputs: readonly string[],
  out: string,
  options: Partial<ExtractToFolderOptions> = {},
) {
  const notes: string[] = [];
  const failed: Record<string, string> = {};
  const summary = await extractToFolder(inputs, {
    encoder,
    out,
    onNote: (note) => notes.push(note),
    onEvent: (event) => {
      if (event.type === "failure") failed[event.path] = event.error.message;
    },
    ...options,
  });
  return { ...summary, notes, failed };
}

/**
 * Gives each test a folder with copies of the named videos and a folder for features.
 * @param made folder with the videos
 */
export function tinyCases(root: string, made: string, encoder: () => VideoEncoder) {
  let cases = 0;
  return (...names: string[]) => {
    const at = join(root, `case-${cases++}`);
    const videos = join(at, "videos");
    mkdirSync(videos, { recursive: true });
    for (const name of names) copyFileSync(join(made, name), join(videos, name));
    const out = join(at, "out");
    const run = (options = {}, inputs = [videos]) => extractTiny(encoder(), inputs, out, options);
    return { at, videos, out, run, manifest: join(out, "manifest.jsonl") };
  };
}

/** Names of the feature files of a folder. */
export const features = (out: string) => readdirSync(out).filter((name) => name.endsWith(".npy")).sort(); // prettier-ignore

/** The bytes of the feature files, hexadecimal, by name. */
export const bytes = (out: string) =>
  Object.fromEntries(features(out).map((name) => [name, readFileSync(join(out, name), "hex")]));
