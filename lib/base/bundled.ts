import { readFileSync } from "node:fs";
import { VideoClipError } from "./errors.js";

/** Advice if a bundler has moved the code away from the package's other files. docs/deployment.md has the same text. */
export const BUNDLED =
  "videoclip is inside a bundle and cannot find its native addon and its workers there: mark it as external " +
  "(esbuild: --external:videoclip; webpack: externals; Rollup: external; Vite: ssr.external; " +
  "Next.js: serverExternalPackages), so that it is loaded from node_modules.";

/** Whether this code was copied into a bundle: no parent folder has the package.json of this package. */
export function isBundled(): boolean {
  try {
    const path = new URL(/* webpackIgnore: true */ "../../package.json", import.meta.url);
    return JSON.parse(readFileSync(path, "utf8")).name !== "videoclip";
  } catch {
    return true;
  }
}

/** Called before a file of the package is used that a bundle does not contain. Throws `ERR_BUNDLED`. */
export function assertNotBundled(): void {
  if (isBundled()) throw new VideoClipError("ERR_BUNDLED", BUNDLED);
}
