import { parse } from "node:path";
import { DatasetError } from "../base/errors.js";
import { isMediaName, stemOf } from "../base/media_names.js";

interface NamedFile {
  /** Folders of the path, the last one first. */
  folders: readonly string[];
  file: string;
}

/** The parts of a path with either kind of slash, the last one first. */
const partsOf = (path: string): string[] => path.split(/[\\/]+/).filter((part) => part !== "" && part !== ".").reverse(); // prettier-ignore

/**
 * Files by a video's name as datasets write it: an absolute path, the end of one, or a base name, with or without
 * extension. If several files fit, the one whose folders agree with most folders of the name is chosen.
 */
export class NamedFiles {
  readonly #byName = new Map<string, NamedFile[]>();
  #size = 0;

  /** @param folder for errors */
  constructor(readonly folder: string) {}

  get size(): number {
    return this.#size;
  }

  /**
   * Adds a file under a video's path, or the end of it, and under the name without the extension of a video or picture.
   * @param path absolute, or below the folder
   */
  add(path: string, file: string): void {
    const [name, ...folders] = partsOf(path);
    const entry = { folders, file };
    for (const key of isMediaName(name) ? [name, stemOf(name)] : [name]) {
      const others = this.#byName.get(key);
      if (others) others.push(entry);
      else this.#byName.set(key, [entry]);
    }
    this.#size++;
  }

  /**
   * The file of a video, or undefined.
   * @throws DatasetError `ERR_FEATURES` when several files fit equally well
   */
  find(video: string): string | undefined {
    const [name, ...folders] = partsOf(video);
    if (name === undefined) return undefined;
    // a name with an extension is more specific than one without
    const named = this.#byName.get(name) ?? this.#byName.get(parse(name).name) ?? [];
    let best: NamedFile[] = [];
    let max = -1;
    for (const entry of named) {
      const common = commonParts(entry.folders, folders);
      if (common > max) [best, max] = [[], common];
      if (common === max) best.push(entry);
    }
    if (best.length > 1) {
      throw new DatasetError(
        "ERR_FEATURES",
        `${this.folder}: ${video} may be ${best[0].file} or ${best[1].file}: name it with more of its path`,
        { file: this.folder, received: video, expected: best.map(({ file }) => file) },
      );
    }
    return best[0]?.file;
  }
}

function commonParts(a: readonly string[], b: readonly string[]): number {
  let count = 0;
  while (count < a.length && count < b.length && a[count] === b[count]) count++;
  return count;
}
