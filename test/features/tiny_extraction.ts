// Short videos and a small network, for tests of what surrounds them.
import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { extractToFolder, type ExtractToFolderOptions } from "../../dist/features/run.js";
import { VideoEncoder } from "../../dist/models/video_encoder.js";
import { makeVideo } from "../../scripts/make_samples.mjs";

/** Makes videos of half a second, each of another content. */
export async function makeVideos(folder: string, names: readonly string[]): Promise<string[]> {
  const paths = names.map((name) => join(folder, name));
  for (const [i, path] of paths.entries()) {
    mkdirSync(dirname(path), { recursive: true });
    await makeVideo(path, { seed: i + 1, frames: 12, width: 64, height: 64 });
  }
  return paths;
}

export const tinyEncoder = (): Promise<VideoEncoder> => VideoEncoder.load({ model: "s3d-tiny", preset: "shapes", randomWeights: 1, threads: 1, device: "cpu" }); // prettier-ignore

/** Extracts with an encoder; what was told comes beside the summary. */
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

export const jsonLines = (path: string) =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
