import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/**
 * The sorted names in a results folder, without empty drafts of its lock: a process that is killed before it wrote its name into the
 * draft leaves one, which a later process removes when it is a minute old.
 */
export const keptNames = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => !(name.startsWith(".lock-") && statSync(join(folder, name)).size === 0))
    .sort();
