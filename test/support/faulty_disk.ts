// A disk that is full, cannot sync, or fails at random, for child processes of tests.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Faults {
  /** Only files below this folder have the faults. */
  under: string;
  /** Bytes that can be written before the disk is full; the last write is a short one. */
  bytes?: number;
  /** Objects that cannot be synced: folders, as on network file systems, or files. */
  sync?: "folder" | "file";
  /**
   * The number of failures per thousand changes (writes, syncs, names), drawn from `seed`: ENOSPC, EIO, or EROFS, after
   * which all later changes fail. In addition, a quarter of the writes are short and a quarter of the syncs are slow.
   */
  perMille?: number;
  /** The number of changes after which the disk is read-only: all later ones fail with EROFS. */
  changes?: number;
  seed?: number;
}

const source = fileURLToPath(new URL("faulty_disk.c", import.meta.url));

/**
 * Builds a library that replaces the file functions of the system.
 * @param folder the folder for the library
 * @returns makes the environment of a process with the faults; undefined if there is no C compiler (`cc`, or that of the variable
 *   CC, where Node is of another processor) or no LD_PRELOAD
 */
export function faultyDisk(folder: string): ((faults: Faults) => NodeJS.ProcessEnv) | undefined {
  const library = join(folder, "faulty_disk.so");
  if (process.platform !== "linux") return undefined;
  if (!existsSync(library)) {
    const build = spawnSync(process.env.CC ?? "cc", ["-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"]);
    if (build.status !== 0) return undefined;
  }
  return ({ under, bytes, sync, perMille, changes, seed = 1 }) => ({
    ...process.env,
    LD_PRELOAD: library,
    FAULTY_UNDER: under,
    ...(bytes === undefined ? {} : { FAULTY_BYTES: String(bytes) }),
    ...(sync === undefined ? {} : { FAULTY_SYNC: sync }),
    ...(changes === undefined ? {} : { FAULTY_CHANGES: String(changes) }),
    ...(perMille === undefined ? {} : { FAULTY_PER_MILLE: String(perMille), FAULTY_SEED: String(seed) }),
  });
}
