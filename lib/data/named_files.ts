import { parse } from "node:path";
import { DatasetError } from "../base/errors.js";
import { isMediaName, stemOf } from "../base/media_names.js";

interface NamedFile {
  /** Folders of the name, the last one first. */
  folders: readonly string[];
  file: string;
}

/** The parts of a path, whichever way its slashes lean; the last one first. */
const partsOf = (path: string): string[] => path.split(/[\\/]+/).filter((part) => part !== "" && part !== ".").reverse(); // prettier-ignore

/**
 * Files that are found by a video's name as datasets have it: an absolute path, the end of one, a base name, with an ending or without.
 * Of several files that fit, the one counts whose folders agree with the most of the name's.
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
   * Adds a file under a video's path, or the end of it, and under the name without the ending of a video or picture.
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
   * @throws DatasetError `ERR_FEATURES` where several files fit equally well
   */
  find(video: string): string | undefined {
    const [name, ...folders] = partsOf(video);
    if (name === undefined) return undefined;
    // a name with its ending tells more than one without
    const named = this.#byName.get(name) ?? this.#byName.get(parse(name).name) ?? [];
    let best: NamedFile[] = [];
    let most = -1;
    for (const entry of named) {
      const common = commonParts(entry.folders, folders);
      if (common > most) [best, most] = [[], common];
      if (common === most) best.push(entry);
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
