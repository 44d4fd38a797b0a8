interface Packed {
  path: string;
  /** Of the tarball. */
  bytes: number;
  /** Paths in it. */
  files: string[];
}
export const PREBUILT: string;
export function packMain(destination: string): Packed;
/** Default: this platform, and the addon in build/Release. */
export function packPlatform(destination: string, platform?: string, addon?: string): Packed;
export function packCuda(destination: string, file: string): Packed;
/** Paths of the main package and of that of this platform. */
export function packHere(destination: string, addon?: string): string[];
