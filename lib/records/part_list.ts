import { opendirSync } from "node:fs";
import { FAILURES_NAME, MANIFEST_NAME } from "./feature_manifest.js";
import { Turns } from "./row.js";

/** A folder is listed again after this many times the time that it took: lists of millions of files take seconds. */
const PAUSE = 10;

/** Names of the files in a folder, in no order, in bounded memory. @throws the system's error */
export function* namesIn(folder: string): Generator<string> {
  const entries = opendirSync(folder);
  try {
    for (let entry = entries.readSync(); entry; entry = entries.readSync()) yield entry.name;
  } finally {
    entries.closeSync();
  }
}

/** Manifests in a folder. */
export const manifestNames = (folder: string): string[] => {
  const names: string[] = [];
  for (const name of namesIn(folder)) if (MANIFEST_NAME.test(name)) names.push(name);
  return names.sort();
};

/** The manifests and lists of failures in a folder of features, sorted. */
export class PartList {
  manifests: string[] = [];
  failures: string[] = [];
  #next = 0;

  private constructor(readonly folder: string) {}

  /** @param visit called with every name in the folder */
  static async open(folder: string, visit?: (name: string) => void, signal?: AbortSignal): Promise<PartList> {
    const list = new PartList(folder);
    await list.read(visit, signal);
    return list;
  }

  /** Lists the folder again. */
  async read(visit?: (name: string) => void, signal?: AbortSignal): Promise<void> {
    const started = Date.now();
    const turns = new Turns();
    const [manifests, failures]: string[][] = [[], []];
    for (const name of namesIn(this.folder)) {
      if (MANIFEST_NAME.test(name)) manifests.push(name);
      else if (FAILURES_NAME.test(name)) failures.push(name);
      visit?.(name);
      if (turns.due()) await turns.give(signal);
    }
    this.manifests = manifests.sort();
    this.failures = failures.sort();
    this.#next = Date.now() + PAUSE * (Date.now() - started);
  }

  /** Lists the folder again, unless that was done just now and took long. */
  async refresh(): Promise<void> {
    if (Date.now() >= this.#next) await this.read();
  }
}
