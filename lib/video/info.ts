import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { promisify } from "node:util";

export interface DecoderInfo {
  /** Version of node-av, null when it is not installed. */
  nodeAv: string | null;
  /** First line of `ffmpeg -version`, null when there is none on the path. */
  ffmpeg: string | null;
}

/** Which video decoders are there, for `videoclip doctor`. */
export async function decoderInfo(): Promise<DecoderInfo> {
  let nodeAv: string | null = null;
  try {
    nodeAv = createRequire(import.meta.url)("node-av/package.json").version;
  } catch {
    // not installed
  }
  const ffmpeg = await promisify(execFile)("ffmpeg", ["-version"]).then(
    ({ stdout }) => stdout.split("\n")[0],
    () => null,
  );
  return { nodeAv, ffmpeg };
}
