// A folder with media of all kinds, damaged and misnamed files, odd names, links, loops and pipes.
import { spawnSync } from "node:child_process";
import { chmodSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeMediaSamples } from "../support/media_samples.js";

/** Whole numbers below a limit, drawn from a seed. */
export function numbers(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

export interface TortureFolder {
  /** The number of entries that must appear as a record or a failure. */
  inputs: number;
  /** The number of entries that must be counted as omitted. */
  omitted: number;
}

const ODD_NAMES = [
  "-dash.mp4",
  "new\nline.mp4",
  "100%d.mp4",
  "#1?.mp4",
  "[1].mp4",
  " blank .mp4",
  "e\u0301.mp4",
  "\u00e9.mp4",
  "\u{1f3ac}\u{1f44d}\u{1f3fd}.mp4",
  "quote'\".mp4",
  "back\\slash.mp4",
  "$(touch x).mp4",
  "file:x.mp4",
  "concat:a|b.mp4",
  "UPPER.MP4",
  "double.mp4.mp4",
  `${"l".repeat(251)}.mp4`,
  `${"\u{1f600}".repeat(62)}.mp4`,
  "CON.mp4",
  "tab\there.mp4",
  "\u202egpj.mp4",
];
/** Files whose content is of one kind and whose name is of another. */
const LIES = "h264.mp4 vp9.webm h264.mkv picture.png picture.jpg mpeg2.vob raw.y4m animated.gif mpeg4.avi h264.ts".split(" "); // prettier-ignore
const DAMAGED = 180;

/** Writes the folder. @param spare a folder outside of it that links lead to */
export async function writeTortureFolder(folder: string, spare: string, seed: number): Promise<TortureFolder> {
  const next = numbers(seed);
  const { files } = await writeMediaSamples(spare);
  const names = [...files.keys()];
  const at = { inputs: 0, omitted: 0 };
  const place = (name: string) => {
    const path = join(folder, name);
    mkdirSync(join(path, ".."), { recursive: true });
    return path;
  };
  const add = (name: string, content: Uint8Array | string) => {
    writeFileSync(place(name), content);
    at.inputs++;
  };
  for (const name of names) add(name.startsWith("picture") ? `pictures/${name}` : `good/${name}`, files.get(name)!);
  const video = (i: number) => files.get(names[i % names.length])!;
  ODD_NAMES.forEach((name) => add(join("odd", name), files.get("h264.mp4")!));
  LIES.forEach((name, i) => add(`lies/${i}.${LIES[(i + 1) % LIES.length].split(".")[1]}`, files.get(name)!));
  const lies: [string, Uint8Array | string][] = [
    ["empty.mp4", ""],
    ["nothing.png", ""],
    ["one.mkv", "x"],
    ["text.mp4", "this is text\n".repeat(99)],
    ["page.webm", "<!doctype html><title>404</title>"],
    ["list.avi", "#EXTM3U\nhttp://127.0.0.1:9/x.ts\n"],
    ["script.mkv", "ffconcat version 1.0\nfile /etc/passwd\n"],
    ["zeros.mp4", Buffer.alloc(5000)],
    ["ones.mov", Buffer.alloc(5000, 0xff)],
    ["noise.mp4", Buffer.from(Uint8Array.from({ length: 5000 }, () => next(256)))],
    ["static.jpg", Buffer.from(Uint8Array.from({ length: 5000 }, () => next(256)))],
    ["box.mp4", Buffer.from("\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2")],
  ];
  for (const [name, content] of lies) add(`lies/${name}`, content);
  for (let i = 0; i < DAMAGED; i++) {
    const name = names[next(names.length)];
    add(`damaged/${next(4)}/${i}-${name}`, damaged(files.get(name)!, next));
  }
  // omitted, with their names
  for (const name of ["notes/a.srt", "notes/b.txt", "notes/README", "notes/c.wav"]) {
    writeFileSync(place(name), "x");
    at.omitted++;
  }
  writeFileSync(place("notes/code.ts"), "export const x = 1;\n");
  writeFileSync(place("good/h264.jpg"), files.get("picture.jpg")!); // beside h264.mp4 and others with this name
  at.omitted += 2;
  mkdirSync(place(".cache/inner"), { recursive: true });
  mkdirSync(place("node_modules/x"), { recursive: true });
  writeFileSync(place("node_modules/x/y.mp4"), video(0));
  at.omitted += 2; // two folders that programs create
  // links and entries that are not files
  for (let i = 0; i < 8; i++) {
    linkSync(join(spare, names[i * 3]), place(`links/hard-${i}-${names[i * 3]}`));
    symlinkSync(join(spare, names[i * 4]), place(`links/soft-${i}-${names[i * 4]}`));
    at.inputs += 2;
  }
  for (const [name, target] of [
    ["links/dangling.mp4", "nowhere.mp4"],
    ["links/self.mp4", "self.mp4"],
    ["links/round-a.mp4", "round-b.mp4"],
    ["links/round-b.mp4", "round-a.mp4"],
  ]) {
    symlinkSync(target, place(name));
    at.inputs++;
  }
  symlinkSync("..", place("links/up"));
  symlinkSync("../good", place("links/again"));
  mkdirSync(place("folder.mp4"));
  at.inputs++;
  for (const name of ["links/fifo.mp4", "links/fifo.png"]) {
    if (spawnSync("mkfifo", [place(name)]).status === 0) at.inputs++;
  }
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/odd/caf`), Buffer.from([0xe9]), Buffer.from(".mp4")]), video(0));
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/odd/`), Buffer.from([0xff, 0xfe]), Buffer.from(".mp4")]), video(0)); // prettier-ignore
  at.inputs += 2;
  add("locked/unreadable.mp4", video(0));
  chmodSync(join(folder, "locked/unreadable.mp4"), 0);
  let deep = "deep";
  for (let i = 0; i < 20; i++) deep = join(deep, `level-${i}`);
  add(join(deep, "bottom.mp4"), files.get("h264.mp4")!);
  return at;
}

/** Damages a copy in one of many ways. */
function damaged(bytes: Buffer, next: (limit: number) => number): Buffer {
  const copy = Buffer.from(bytes);
  const some = () => next(copy.length);
  switch (next(6)) {
    case 0:
      return copy.subarray(0, some());
    case 1: {
      for (let i = 1 + next(20); i > 0; i--) copy[some()] ^= 1 << next(8);
      return copy;
    }
    case 2: {
      const from = some();
      return Buffer.from(copy.fill(0, from, Math.min(copy.length, from + 1 + next(600))));
    }
    case 3: {
      const [a, b] = [some(), some()].sort((x, y) => x - y);
      return Buffer.concat([copy.subarray(0, a), copy.subarray(b)]);
    }
    case 4: {
      const from = some();
      return Buffer.concat([copy.subarray(0, from), copy.subarray(from, from + 500), copy.subarray(from)]);
    }
    default:
      for (let i = 0; i < 64; i++) copy[next(Math.min(copy.length, 400))] = next(256); // in the header
      return copy;
  }
}
