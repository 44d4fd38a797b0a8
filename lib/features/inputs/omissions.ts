/** Maximum file extensions in a sentence. */
const NAMED = 8;

/** Counts files and folders that a search left out, by kind. */
export class Omissions {
  readonly endings: Record<string, number> = {};
  readonly folders: Record<string, number> = {};
  pictures = 0;

  /** Counts a file whose extension is not that of a video or picture. @param ending without its dot */
  ending(ending: string): void {
    const key = ending === "" ? "no ending" : `.${ending}`;
    this.endings[key] = (this.endings[key] ?? 0) + 1;
  }

  /** Counts a folder that belongs to a program. */
  folder(name: string): void {
    this.folders[name] = (this.folders[name] ?? 0) + 1;
  }

  /** Counts a picture with the name of a video. */
  picture(): void {
    this.pictures++;
  }

  /** One sentence about all of them; undefined if nothing was left out. */
  sentence(): string | undefined {
    const parts: string[] = [];
    const files = sum(this.endings);
    if (files > 0) parts.push(`${files} ${files === 1 ? "file" : "files"} with other endings (${list(this.endings)})`);
    if (this.pictures > 0) parts.push(`${this.pictures} ${this.pictures === 1 ? "picture" : "pictures"} beside the video of the same name`); // prettier-ignore
    const folders = sum(this.folders);
    if (folders > 0)
      parts.push(`${folders} ${folders === 1 ? "folder" : "folders"} of programs (${list(this.folders)})`);
    return parts.length === 0 ? undefined : `left out: ${parts.join(", ")}`;
  }
}

const sum = (counts: Record<string, number>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);

function list(counts: Record<string, number>): string {
  const sorted = Object.entries(counts).sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  const named = sorted.slice(0, NAMED).map(([key, count]) => `${key} ${count}`);
  const others = sum(Object.fromEntries(sorted.slice(NAMED)));
  return [...named, ...(others > 0 ? [`others ${others}`] : [])].join(", ");
}
