import { execFile } from "node:child_process";

let found: Promise<readonly string[]> | undefined;

/**
 * The option of this `ffmpeg` that passes every frame once: `-fps_mode`, or `-vsync` before version 5.1. Determined
 * once.
 */
export function passthroughOption(): Promise<readonly string[]> {
  found ??= new Promise((resolve) => {
    const option = ["-fps_mode", "passthrough"];
    execFile("ffmpeg", [...option, "-version"], (error) => resolve(error ? ["-vsync", "passthrough"] : option));
  });
  return found;
}
