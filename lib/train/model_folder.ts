import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { makeFolder, writeDurably } from "../base/files.js";
import { linkDurably } from "../base/link_file.js";
import { MODEL, OF_TRAINING } from "./checkpoint.js";

/**
 * Gives a folder the files of another one: weights as second names of the same files, which take no space, and small
 * files as copies. Each file is replaced at once, `model.safetensors` last.
 * @param leaveOut names of files that stay away
 */
export function shareFiles(from: string, to: string, leaveOut: readonly string[] = []): void {
  makeFolder(to);
  const names = readdirSync(from).filter((name) => !leaveOut.includes(name) && !name.endsWith(".tmp"));
  for (const name of names.sort((a, b) => Number(a === MODEL) - Number(b === MODEL))) {
    if (name.endsWith(".safetensors")) linkDurably(join(from, name), join(to, name));
    else writeDurably(join(to, name), readFileSync(join(from, name)));
  }
}

/** Makes a folder the model of a checkpoint: all but the state of the training. */
export const publishModel = (checkpoint: string, folder: string): void => shareFiles(checkpoint, folder, OF_TRAINING);
