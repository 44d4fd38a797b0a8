import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import Module from "node:module"; // as a whole: webpack takes createRequire for its own and warns of a missing node-av
import { dirname, join } from "node:path";
import { promisify } from "node:util";

export interface DecoderInfo {
  /** Version of node-av, null when it is not installed. */
  nodeAv: string | null;
  /** First line of `ffmpeg -version`, null when there is none on the path. */
  ffmpeg: string | null;
}

/** Which video decoders are there, for `videoclip doctor`. */
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
  // Read as a file beside dist/index.js: node-av does not export its package.json.
  return JSON.parse(readFileSync(join(dirname(entry), "../package.json"), "utf8")).version;
}
