// `videoclip serve` plays the videos that an index names, in parts, and opens no other file.
import { mkdirSync, readdirSync, readlinkSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { byteRange } from "#lib/serve/byte_range.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { type Example, fileBytes, CRESCENT, served, type Served, writeExample, writeIndex } from "./served_example.js";

const test = suite("serve: videos");
const root = temporaryFolder("serve-videos");
let example: Example;
let server: Served;
let ids: Record<string, string>;

async function idsOf(of: Served): Promise<Record<string, string>> {
  const { videos } = await of.search({ q: CRESCENT, group: "video" });
  return Object.fromEntries(videos.map(({ path, video }: Record<string, string>) => [basename(path), video]));
}

test.before(async () => {
  example = await writeExample(root);
  server = await served([example.index]);
  ids = await idsOf(server);
});
test.after(() => server.close());

const bytesOf = async (answer: Response) => Buffer.from(await answer.arrayBuffer());

test("ranges are those of RFC 9110", () => {
  const cases: [string | undefined, number, ReturnType<typeof byteRange>][] = [
    [undefined, 10, undefined],
    ["bytes=0-", 10, { first: 0, last: 9 }],
    ["bytes=2-4", 10, { first: 2, last: 4 }],
    ["bytes=9-9", 10, { first: 9, last: 9 }],
    ["bytes=5-99999999999999999999", 10, { first: 5, last: 9 }],
    ["bytes=-3", 10, { first: 7, last: 9 }],
    ["bytes=-99", 10, { first: 0, last: 9 }],
    ["bytes=-0", 10, "none"],
    ["bytes=10-", 10, "none"],
    ["bytes=0-", 0, "none"],
    ["bytes=-1", 0, "none"],
    ["bytes=4-2", 10, undefined],
    ["bytes=-", 10, undefined],
    ["bytes=0-1,3-4", 10, undefined],
    ["frames=0-1", 10, undefined],
    ["bytes=a-b", 10, undefined],
  ];
  for (const [header, size, expected] of cases) assert.equal(byteRange(header, size), expected, `${header} of ${size}`);
});

test("a video is sent whole, in parts, and not again if it is the same", async () => {
  const path = `/videos/${ids["a.mp4"]}`;
  const whole = await server.get(path);
  assert.is(whole.status, 200);
  assert.is(whole.headers.get("content-type"), "video/mp4");
  assert.is(whole.headers.get("accept-ranges"), "bytes");
  assert.is(whole.headers.get("content-length"), "1000");
  assert.ok((await bytesOf(whole)).equals(fileBytes(1000)));
  const part = (range: string, more = {}) => server.get(path, { headers: { range, ...more } });
  const middle = await part("bytes=10-19");
  assert.is(middle.status, 206);
  assert.is(middle.headers.get("content-range"), "bytes 10-19/1000");
  assert.ok((await bytesOf(middle)).equals(fileBytes(1000).subarray(10, 20)));
  assert.ok((await bytesOf(await part("bytes=-5"))).equals(fileBytes(1000).subarray(995)));
  const beyond = await part("bytes=1000-");
  assert.is(beyond.status, 416);
  assert.is(beyond.headers.get("content-range"), "bytes */1000");
  const tag = whole.headers.get("etag")!;
  assert.is((await server.get(path, { headers: { "if-none-match": tag } })).status, 304);
  assert.is((await part("bytes=0-1", { "if-range": tag })).status, 206);
  assert.is((await part("bytes=0-1", { "if-range": '"other"' })).status, 200);
  const head = await server.get(path, { method: "HEAD" });
  assert.is(head.status, 200);
  assert.is(head.headers.get("content-length"), "1000");
  assert.is((await server.get(`/videos/${ids["b.webm"]}`)).headers.get("content-type"), "video/webm");
});

test("no file stays open after answers, refusals and clients that go away", async () => {
  const big = join(example.videos, "a.mp4");
  writeFileSync(big, Buffer.alloc(8 << 20));
  const path = `/videos/${ids["a.mp4"]}`;
  for (let i = 0; i < 20; i++) {
    await server.get(path, { method: "HEAD" });
    await server.get(path, { headers: { range: "bytes=99999999-" } });
    const gone = new AbortController();
    const answer = await server.get(path, { signal: gone.signal });
    assert.is(answer.status, 200);
    gone.abort();
  }
  const open = () => {
    const links = readdirSync("/proc/self/fd").map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return ""; // the descriptor of the listing itself
      }
    });
    return links.filter((link) => link.endsWith("a.mp4")).length;
  };
  if (process.platform !== "linux") return void process.stdout.write("SKIP open files: only Linux lists them\n");
  for (let i = 0; i < 100 && open() > 0; i++) await new Promise((done) => setTimeout(done, 100));
  assert.is(open(), 0);
  writeFileSync(big, fileBytes(1000));
});

test("only files that the index names, with the ending of a video, are opened; links do not lead out", async () => {
  const folder = join(root, "links");
  const outside = join(root, "outside");
  mkdirSync(join(folder, "sub"), { recursive: true });
  mkdirSync(outside);
  writeFileSync(join(outside, "secret.mp4"), "secret");
  writeFileSync(join(outside, "secret.txt"), "secret");
  writeFileSync(join(folder, "plain.mp4"), "plain");
  writeFileSync(join(folder, "notes.txt"), "secret");
  mkdirSync(join(folder, "folder.mp4"));
  symlinkSync(join(outside, "secret.mp4"), join(folder, "link.mp4"));
  symlinkSync(join(folder, "notes.txt"), join(folder, "text.mp4"));
  symlinkSync(join(folder, "plain.mp4"), join(folder, "same.mp4"));
  symlinkSync(outside, join(folder, "way"));
  const names = [
    join(folder, "plain.mp4"),
    join(folder, "same.mp4"),
    join(folder, "link.mp4"),
    join(folder, "text.mp4"),
    join(folder, "notes.txt"),
    join(folder, "folder.mp4"),
    join(folder, "way", "secret.mp4"),
    `${folder}/sub/../../outside/secret.mp4`,
    "../outside/secret.mp4",
    "s3://bucket/plain.mp4",
    "nul\0.mp4",
    "/etc/passwd",
    "/proc/self/environ",
    join(root, "none.mp4"),
  ];
  await writeIndex(join(root, "linked"), Object.fromEntries(names.map((name) => [name, [[CRESCENT, 0, 1] as const]])));
  const readable = async (videos?: string[]) => {
    const linked = await served([join(root, "linked")], { videos });
    try {
      const { videos: found } = await linked.search({ q: CRESCENT, group: "video", limit: "50" });
      assert.is(found.length, names.length);
      const opened: string[] = [];
      for (const { video, path } of found) {
        const answer = await linked.get(`/videos/${video}`);
        if (answer.status === 200) opened.push(path);
        else assert.not.match(await answer.text(), /secret|tmp|home/);
      }
      return opened.sort();
    } finally {
      await linked.close();
    }
  };
  // with a folder, nothing outside of it
  assert.equal(await readable([folder]), [join(folder, "plain.mp4"), join(folder, "same.mp4")].sort());
  // without one, the folders that the index names: that of `way/secret.mp4` is the place that the link leads to
  const own = [join(folder, "plain.mp4"), join(folder, "same.mp4"), join(folder, "way", "secret.mp4")];
  assert.equal(await readable(), [...own, `${folder}/sub/../../outside/secret.mp4`].sort());
});

test("videos that moved are found by the end of their paths, unless two have the same", async () => {
  const old = join(root, "old");
  const moved = join(root, "moved");
  const names = [join(old, "x", "1.mp4"), join(old, "y", "1.mp4"), join(old, "y", "2.mp4")];
  await writeIndex(join(root, "far"), Object.fromEntries(names.map((name) => [name, [[CRESCENT, 0, 1] as const]])));
  mkdirSync(join(moved, "x"), { recursive: true });
  for (const name of ["x/1.mp4", "1.mp4", "2.mp4"]) writeFileSync(join(moved, name), name);
  const far = await served([join(root, "far")], { videos: [moved] });
  try {
    const { videos } = await far.search({ q: CRESCENT, group: "video" });
    const texts: Record<string, string> = {};
    for (const { video, path } of videos) {
      const answer = await far.get(`/videos/${video}`);
      texts[path.slice(old.length)] = answer.status === 200 ? await answer.text() : String(answer.status);
    }
    assert.equal(texts, { "/x/1.mp4": "x/1.mp4", "/y/1.mp4": "404", "/y/2.mp4": "2.mp4" });
  } finally {
    await far.close();
  }
});

test("a file that is away for a time is found when it is back", async () => {
  const path = join(example.videos, "more", "c.mp4");
  renameSync(path, `${path}.away`);
  const away = await server.get(`/videos/${ids["c.mp4"]}`);
  assert.is(away.status, 404);
  assert.match(
    ((await away.json()) as { error: { message: string } }).error.message,
    /not where the index says: see --videos/,
  );
  renameSync(`${path}.away`, path);
  assert.is((await server.get(`/videos/${ids["c.mp4"]}`)).status, 200);
});

test.run();
