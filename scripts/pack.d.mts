/** Packs the package with this addon (default: that of build/Release); gives the tarball's path and the paths in it. */
export function packTarball(destination: string, addon?: string): { path: string; files: string[] };
export const PREBUILT: string;
