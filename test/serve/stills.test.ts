// Stills of `videoclip serve`: made when they are asked for, kept within bounds, and only of videos that an index names.
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { open, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { VideoError } from "#lib/base/errors.js";
import { BoundedCache } from "#lib/serve/bounded_cache.js";
import { Stills } from "#lib/serve/stills.js";
import type { VideoFile } from "#lib/serve/video_files.js";
import { stillAt } from "#lib/video/stills/still.js";
import { makeVideo } from "../../scripts/make_samples.mjs";
import { temporaryFolder } from "../support/temporary_folder.js";
import { CRESCENT, served, type Served, STAR, writeIndex } from "./served_example.js";

const test = suite("serve: stills");
const root = temporaryFolder("serve-stills");
const videos = join(root, "videos");
let server: Served;
const ids: Record<string, string> = {};

test.before(async () => {
  mkdirSync(join(root, "outside"));
  mkdirSync(videos);
  // a copy, because the program that makes videos keeps their files open
  await makeVideo(join(root, "made.mp4"), { seconds: 4, width: 640, height: 360, rate: 10 });
  copyFileSync(join(root, "made.mp4"), join(videos, "a.mp4"));
  await makeVideo(join(root, "outside", "secret.mp4"), { seconds: 1, width: 64, height: 48 });
  writeFileSync(join(videos, "broken.mp4"), Buffer.alloc(5000, 7));
  symlinkSync(join(root, "outside", "secret.mp4"), join(videos, "link.mp4"));
  // a playlist that is named like a video, with a byte that no text has
  const playlist = `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n${join(root, "outside", "secret.mp4")}\n#EXT-X-ENDLIST\n`;
  writeFileSync(join(videos, "playlist.mp4"), `${playlist}\0`);
  writeFileSync(
    join(videos, "concat.mp4"),
    `ffconcat version 1.0\nfile '${join(root, "outside", "secret.mp4")}'\n#\0\n`,
  );
  const names = ["a", "broken", "link", "playlist", "concat", "missing"].map((name) => join(videos, `${name}.mp4`));
  await writeIndex(join(root, "index"), Object.fromEntries(names.map((name) => [name, [[STAR, 0, 4] as const]])));
  server = await served([join(root, "index")], { videos: [videos] });
  const { videos: found } = await server.search({ q: CRESCENT, group: "video" });
  for (const { path, video } of found) ids[basename(path)] = video;
});
test.after(() => server.close());

const still = (name: string, t: number | string, init?: RequestInit) =>
  server.get(`/api/stills/${ids[name]}?t=${t}`, init);

test("a still is the JPEG of its time, with a tag that changes with the file", async () => {
  const answer = await still("a.mp4", 2.04);
  assert.is(answer.status, 200);
  assert.is(answer.headers.get("content-type"), "image/jpeg");
  assert.is(answer.headers.get("cache-control"), "private, max-age=600");
  const bytes = Buffer.from(await answer.arrayBuffer());
  assert.ok(
    bytes.equals(Buffer.from(await stillAt(join(videos, "a.mp4"), 2, { width: 320 }))),
    "to a tenth of a second",
  );
  assert.not(bytes.equals(Buffer.from(await (await still("a.mp4", 0)).arrayBuffer())));
  const tag = answer.headers.get("etag")!;
  const again = await still("a.mp4", 2, { headers: { "if-none-match": tag } });
  assert.is(again.status, 304);
  assert.is(await again.text(), "");
  const facts = await stat(join(videos, "a.mp4"));
  utimesSync(join(videos, "a.mp4"), facts.atime, new Date(facts.mtimeMs + 5000));
  const changed = await still("a.mp4", 2, { headers: { "if-none-match": tag } });
  assert.is(changed.status, 200);
  assert.is.not(changed.headers.get("etag"), tag);
  const head = await still("a.mp4", 2, { method: "HEAD" });
  assert.is(head.status, 200);
  assert.is(await head.text(), "");
});

test("what has no picture says why, without a path, and other files are not decoded", async () => {
  const cases: [string, number, RegExp][] = [
    ["broken.mp4", 422, /^no picture of this video can be decoded$/],
    ["playlist.mp4", 422, /^no picture of this video can be decoded$/],
    ["concat.mp4", 422, /^no picture of this video can be decoded$/],
    ["link.mp4", 404, /not where the index says: see --videos/],
    ["missing.mp4", 404, /not where the index says: see --videos/],
  ];
  for (const [name, status, message] of cases) {
    for (const time of [0, 0.5]) {
      const answer = await still(name, time);
      const text = await answer.text();
      assert.is(answer.status, status, `${name}: ${text}`);
      assert.match((JSON.parse(text) as { error: { message: string } }).error.message, message, name);
      assert.not.match(text, /tmp|videos\//);
    }
  }
  assert.is((await server.get(`/api/stills/${"A".repeat(22)}?t=1`)).status, 404);
  for (const path of [
    "..%2f..%2foutside%2fsecret.mp4",
    "%2e%2e",
    encodeURIComponent(join(videos, "a.mp4")),
    "__proto__",
  ])
    assert.is((await server.get(`/api/stills/${path}?t=1`)).status, 404, path);
  for (const query of ["", "?t=", "?t=-1", "?t=1e3", "?t=1&t=2", "?t=1&x=2", "?t=NaN", `?t=${"9".repeat(30)}`])
    assert.is((await server.get(`/api/stills/${ids["a.mp4"]}${query}`)).status, 400, query);
});

test("with a playlist among the uploads or the videos, both decoders refuse it", async () => {
  for (const decoder of ["node-av", "ffmpeg"] as const) {
    for (const name of ["playlist.mp4", "concat.mp4"]) {
      const error = await stillAt(join(videos, name), 0, { decoder }).catch((cause: unknown) => cause);
      assert.instance(error, VideoError, `${decoder} ${name}`);
    }
  }
});

/** An open file of the system, as `VideoFiles` finds it. */
async function opened(path: string): Promise<VideoFile> {
  const handle = await open(path);
  return { handle, path, facts: await handle.stat(), type: "video/mp4" };
}
const forever = () => new AbortController().signal;

test("requests for the same still share its work, few stills are made at once, and too many are refused", async () => {
  const file = await opened(join(videos, "a.mp4"));
  let [running, most, made] = [0, 0, 0];
  const release: (() => void)[] = [];
  const stills = new Stills(async () => {
    most = Math.max(most, ++running);
    made++;
    await new Promise<void>((done) => release.push(done));
    running--;
    return Uint8Array.of(1, 2, 3);
  });
  const same = Array.from({ length: 50 }, () => stills.still(file, 1, forever()));
  const others = Array.from({ length: 400 }, (_, i) => stills.still(file, 2 + i, forever()).then(() => 200, (e) => e.status)); // prettier-ignore
  const drain = setInterval(() => release.splice(0).forEach((done) => done()), 1);
  const statuses = await Promise.all(others);
  for (const jpeg of await Promise.all(same)) assert.equal(jpeg, Uint8Array.of(1, 2, 3));
  clearInterval(drain);
  assert.is(most, 2);
  assert.ok(statuses.includes(503) && statuses.includes(200));
  assert.is(made, 1 + statuses.filter((status) => status === 200).length);
  await stills.still(file, 1, forever());
  assert.is(made, 1 + statuses.filter((status) => status === 200).length, "it was kept");
  await file.handle.close();
});

test("a still that nobody waits for any more is given up, and a failure is remembered for a time", async () => {
  const file = await opened(join(videos, "a.mp4"));
  let stopped = 0;
  let made = 0;
  const stills = new Stills((_, seconds, signal) => {
    made++;
    if (seconds === 9) return Promise.reject(new VideoError("ERR_VIDEO_CORRUPT", "broken"));
    return new Promise((_, reject) =>
      signal.addEventListener("abort", () => {
        stopped++;
        reject(signal.reason as Error);
      }),
    );
  });
  const [one, two] = [new AbortController(), new AbortController()];
  const both = [stills.still(file, 1, one.signal), stills.still(file, 1, two.signal)].map((p) =>
    p.catch((e) => e.name),
  );
  await new Promise(setImmediate);
  one.abort();
  assert.is(await both[0], "AbortError");
  assert.is(stopped, 0, "the other one still waits");
  two.abort();
  await both[1];
  assert.is(stopped, 1);
  const failed = () => stills.still(file, 9, forever()).then(() => 200, (e) => e.status); // prettier-ignore
  assert.equal([await failed(), await failed(), made], [422, 422, 2]);
  await file.handle.close();
});

test("a file that took the place of the one that was checked is not shown", async () => {
  const place = join(videos, "swapped.mp4");
  await makeVideo(place, { seconds: 1, width: 64, height: 48 });
  const file = await opened(place);
  const stills = new Stills(async () => {
    renameSync(place, `${place}.old`);
    symlinkSync(join(root, "outside", "secret.mp4"), place);
    return Uint8Array.of(1);
  });
  assert.is(await stills.still(file, 0, forever()).then(() => 200, (e) => e.status), 404); // prettier-ignore
  assert.is(stills.kept.size, 0);
  await file.handle.close();
});

test("the cache has a bound of entries and of bytes; what was not used for longest goes", () => {
  const cache = new BoundedCache<string>(3, 100);
  for (const key of ["a", "b", "c"]) cache.set(key, key, 10);
  assert.is(cache.get("a"), "a");
  cache.set("d", "d", 10);
  assert.equal(["a", "b", "c", "d"].map((key) => cache.get(key)), ["a", undefined, "c", "d"]); // prettier-ignore
  cache.set("e", "e", 85);
  assert.equal([cache.size, cache.bytes, cache.get("d"), cache.get("e")], [2, 95, "d", "e"]);
  cache.set("f", "f", 101);
  assert.is(cache.get("f"), undefined);
  cache.set("e", "E", 1);
  assert.equal([cache.get("e"), cache.bytes], ["E", 11]);
});

test("many stills at once answer, searches go on meanwhile, and no file stays open", async () => {
  const times = Array.from({ length: 60 }, (_, i) => i / 10);
  const asked = times.map((t) => still("a.mp4", t).then((answer) => answer.status));
  const gone = times.slice(0, 20).map(async (t) => {
    const leaving = new AbortController();
    const answer = still("a.mp4", 10 + t, { signal: leaving.signal }).catch(() => {});
    leaving.abort();
    await answer;
  });
  const { moments } = await server.search({ q: STAR });
  assert.ok(moments.length > 0);
  assert.equal([...new Set(await Promise.all(asked))], [200]);
  const metrics = await (await server.get("/metrics")).text();
  assert.ok(Number(/^videoclip_stills_kept (\d+)$/m.exec(metrics)![1]) >= 40, metrics);
  await Promise.all(gone);
  if (process.platform !== "linux") return void process.stdout.write("SKIP open files: only Linux lists them\n");
  const count = () =>
    readdirSync("/proc/self/fd").filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).endsWith("a.mp4");
      } catch {
        return false; // the descriptor of the listing itself
      }
    }).length;
  for (let i = 0; i < 100 && count() > 0; i++) await new Promise((done) => setTimeout(done, 100));
  assert.is(count(), 0);
});

test.run();
