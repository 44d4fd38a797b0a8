import { readFileSync } from "node:fs";
import { VideoClipError } from "./errors.js";

/** What to do where a bundler has moved the code away from the package's other files. Stands in docs/deployment.md. */
export const BUNDLED =
  "videoclip is inside a bundle and cannot find its native addon and its workers there: mark it as external " +
  "(esbuild: --external:videoclip; webpack: externals; Rollup: external; Vite: ssr.external; " +
  "Next.js: serverExternalPackages), so that it is loaded from node_modules.";

/** Whether this code was copied into a bundle: no package.json of this package lies above it. */
export function isBundled(): boolean {
  try {
    const path = new URL(/* webpackIgnore: true */ "../../package.json", import.meta.url);
    return JSON.parse(readFileSync(path, "utf8")).name !== "videoclip";
  } catch {
    return true;
  }
}

/** Called before a file of the package is used that a bundle does not hold. Throws `ERR_BUNDLED`. */
export function assertNotBundled(): void {
  if (isBundled()) throw new VideoClipError("ERR_BUNDLED", BUNDLED);
}
