import Module from "node:module"; // a default import, because webpack replaces a named createRequire by its implementation
import { fileURLToPath } from "node:url";

/** The C library of this process, such as `glibc 2.36` or `musl`; undefined if it is unknown. */
export function libc(): string | undefined {
  if (process.platform !== "linux") return undefined;
  const report = process.report as (NodeJS.ProcessReport & { excludeNetwork?: boolean }) | undefined;
  if (!report) return undefined; // Electron
  const before = report.excludeNetwork;
  report.excludeNetwork = true; // without this the report resolves network addresses, which takes seconds
  const { header } = report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  report.excludeNetwork = before;
  const version = header.glibcVersionRuntime;
  return version === undefined ? "musl" : `glibc ${version}`;
}

/** Platforms for which there is a package with the addon. */
const PACKAGED = ["linux-x64", "linux-arm64"];

/**
 * Where npm installs the addon of this platform, seen from here. Next.js copies files by such literals; webpack would not
 * build without all of them.
 */
function beside(): URL | undefined {
  const x64 = new URL(/* webpackIgnore: true */ "../../../@videoclip/linux-x64/videoclip.node", import.meta.url);
  const arm64 = new URL(/* webpackIgnore: true */ "../../../@videoclip/linux-arm64/videoclip.node", import.meta.url);
  return { "linux-x64": x64, "linux-arm64": arm64 }[platform()];
}

const platform = (): string => `${process.platform}-${process.arch}`;

/** Whether there is a package with the addon for this system. */
export const isPackaged = (): boolean => PACKAGED.includes(platform()) && libc() !== "musl";

/**
 * Paths of the addon in the package of this platform, which npm installs because of its `os`, `cpu` and `libc`. Without the package it
 * is a path at which it should be.
 */
export function platformAddons(): string[] {
  const installed = resolved(`@videoclip/${platform()}/videoclip.node`);
  const expected = beside();
  const paths = expected?.protocol === "file:" ? [fileURLToPath(expected)] : []; // Next.js gives it a path on the web server
  return installed === undefined ? paths : [installed, ...paths];
}

/** The path of the kernels for GPUs in the package for GPUs; undefined if it is not installed. */
export const gpuFile = (): string | undefined => resolved("@videoclip/cuda/videoclip.gpu");

function resolved(file: string): string | undefined {
  try {
    return Module.createRequire(import.meta.url).resolve(file);
  } catch {
    return undefined; // it is not installed, or this is a bundle
  }
}
