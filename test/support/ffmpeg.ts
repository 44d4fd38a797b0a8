// Whether the ffmpeg program is installed, for tests of the decoder that uses it.
import { spawnSync } from "node:child_process";

export const hasFfmpeg = spawnSync("ffmpeg", ["-version"]).status === 0;
