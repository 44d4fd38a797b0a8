import { existsSync } from "node:fs";
import { BUNDLED, isBundled } from "../base/bundled.js";
import { DeviceError } from "../base/errors.js";
import { isPackaged, libc } from "./platform_package.js";

/** A path at which the addon was searched. Without `error` there was no file. */
export interface Attempt {
  path: string;
  error?: unknown;
}

/** Advice for an addon that cannot be loaded. docs/deployment.md has the same sentences. @internal */
export const ADVICE = {
  bundled: BUNDLED,
  forbidden: "Node was started without native addons: leave out --no-addons, or add --allow-addons to --permission.",
  clone: "In a clone of the repository run: npm run build",
  unsupported:
    "There are addons for Linux on x64 and arm64 with glibc 2.34 or later only (Debian 12, Ubuntu 22.04, RHEL 9; not Alpine): " +
    "use such a system or image, for example node:22-bookworm-slim, or build the addon in a clone of the repository.",
  missing:
    "The package with the addon of this platform was not installed or not deployed: run npm install videoclip again, without " +
    "--omit=optional and on this system, or add node_modules/@videoclip to the files that are copied (Next.js: outputFileTracingIncludes).",
};

function advice(attempts: Attempt[]): string {
  if (attempts.some(({ error }) => (error as NodeJS.ErrnoException | undefined)?.code === "ERR_DLOPEN_DISABLED"))
    return ADVICE.forbidden;
  if (isBundled()) return ADVICE.bundled;
  if (existsSync(new URL(/* webpackIgnore: true */ "../../CMakeLists.txt", import.meta.url))) return ADVICE.clone;
  return isPackaged() && attempts.every(({ error }) => error === undefined) ? ADVICE.missing : ADVICE.unsupported;
}

/** The error for an addon that could not be loaded: the system, every attempt and advice. */
export function addonError(attempts: Attempt[]): DeviceError {
  const system = [`${process.platform}-${process.arch}`, libc(), `Node ${process.versions.node}`].filter(Boolean);
  const tried = attempts.map(({ path, error }) => {
    const reason = error === undefined ? "no such file" : error instanceof Error ? error.message : String(error);
    return `  ${path}: ${reason.split("\n")[0]}\n`;
  });
  const cause = attempts.find(({ error }) => error !== undefined)?.error;
  return new DeviceError(
    "ERR_ADDON_MISSING",
    `The native addon could not be loaded (${system.join(", ")}).\n` +
      (tried.length > 0 ? `Tried:\n${tried.join("")}` : "") +
      advice(attempts),
    { cause },
  );
}
