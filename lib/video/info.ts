import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import Module from "node:module"; // a default import, because webpack replaces a named createRequire by its implementation and warns of a missing node-av
import { dirname, join } from "node:path";
import { promisify } from "node:util";

export interface DecoderInfo {
  /** Version of node-av; null if it is not installed. */
  nodeAv: string | null;
  /** First line of `ffmpeg -version`; null if it is not on the path. */
  ffmpeg: string | null;
}

/** The available video decoders, for `videoclip doctor`. */
export async function decoderInfo(): Promise<DecoderInfo> {
  const ffmpeg = await promisify(execFile)("ffmpeg", ["-version"]).then(
    ({ stdout }) => stdout.split("\n")[0],
    () => null,
  );
  return { nodeAv: nodeAvVersion(), ffmpeg };
}

function nodeAvVersion(): string | null {
  let entry: string;
  try {
    entry = Module.createRequire(import.meta.url).resolve("node-av");
  } catch {
    return null;
  }
  // Read as a file, because node-av does not export its package.json.
  return JSON.parse(readFileSync(join(dirname(entry), "../package.json"), "utf8")).version;
}
