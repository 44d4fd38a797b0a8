// Previews of `videoclip serve`: files that browsers play, at the right time, of videos that an index names only; made
// when they are asked for, few at once, and ended when nobody waits.
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { basename, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { VideoError } from "#lib/base/errors.js";
import { openVideo } from "#lib/index.js";
import { PREVIEW_SECONDS, Previews, type PreviewWork } from "#lib/serve/previews.js";
import type { VideoFile } from "#lib/serve/video_files.js";
import { previewMakers } from "#lib/video/previews/preview_encoders.js";
import type { PreviewMaker } from "#lib/video/previews/preview_request.js";
import { makeVideo } from "../../scripts/make_samples.mjs";
import { temporaryFolder } from "../support/temporary_folder.js";
import { CRESCENT, served, type Served, STAR, writeIndex } from "./served_example.js";

const test = suite("serve: previews");
const root = temporaryFolder("serve-previews");
const videos = join(root, "videos");
const TOKEN = "0123456789-abcdef_XYZ";
// the server's folder for temporary files, in which nothing may be left
const temporary = join(root, "temporary");
mkdirSync(temporary);
process.env.TMPDIR = temporary;
const makers = await previewMakers();
let server: Served;
const ids: Record<string, string> = {};

if (makers.length === 0) process.stdout.write("SKIP previews: neither node-av nor ffmpeg has an encoder for them\n");

test.before(async () => {
  mkdirSync(join(root, "outside"));
  mkdirSync(videos);
  const old = { codec: "mpeg4", width: 160, height: 120, rate: 10, options: {} };
  await makeVideo(join(videos, "old.avi"), { ...old, seconds: 24 });
  await makeVideo(join(root, "outside", "secret.avi"), { ...old, seconds: 1 });
  writeFileSync(join(videos, "broken.avi"), Buffer.alloc(5000, 7));
  symlinkSync(join(root, "outside", "secret.avi"), join(videos, "link.avi"));
  const playlist = `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n${join(root, "outside", "secret.avi")}\n#EXT-X-ENDLIST\n`;
  writeFileSync(join(videos, "playlist.avi"), `${playlist}\0`);
  const names = ["old", "broken", "link", "playlist", "missing"].map((name) => join(videos, `${name}.avi`));
  await writeIndex(join(root, "index"), Object.fromEntries(names.map((name) => [name, [[STAR, 0, 4] as const]])));
  server = await served([join(root, "index")], { videos: [videos] });
  const { videos: found } = await server.search({ q: CRESCENT, group: "video" });
  for (const { path, video } of found) ids[basename(path)] = video;
});
test.after(() => server.close());

const preview = (name: string, query: string, init?: RequestInit) =>
  server.get(`/api/previews/${ids[name]}?${query}`, init);
const messageOf = async (answer: Response): Promise<string> =>
  ((await answer.json()) as { error: { message: string } }).error.message;

test("a preview begins at its time, has a bounded length, and is sent whole or in parts", async () => {
  if (makers.length === 0) return;
  assert.equal((await server.json("/api/indexes")).previews, {
    formats: makers.map(({ format }) => format),
    seconds: PREVIEW_SECONDS,
  });
  for (const { format } of makers) {
    const whole = await preview("old.avi", `t=2.04&format=${format}`);
    assert.is(whole.status, 200);
    assert.is(whole.headers.get("content-type"), `video/${format}`);
    assert.is(whole.headers.get("accept-ranges"), "bytes");
    assert.is(whole.headers.get("cache-control"), "private, max-age=600");
    const bytes = Buffer.from(await whole.arrayBuffer());
    assert.is(Number(whole.headers.get("content-length")), bytes.length);
    const path = join(root, `whole.${format}`);
    writeFileSync(path, bytes);
    const video = await openVideo(path, { preset: "s3d" });
    for await (const clip of video) assert.ok(clip.frames.length > 0);
    const { width, height, duration } = video.info;
    assert.equal([width, height], [160, 120]);
    assert.ok(Math.abs(duration - PREVIEW_SECONDS) < 0.2, `${duration} s`);
    const part = (range: string, more = {}) =>
      preview("old.avi", `t=2&format=${format}`, { headers: { range, ...more } });
    const first = await part("bytes=0-1");
    assert.is(first.status, 206);
    assert.is(first.headers.get("content-range"), `bytes 0-1/${bytes.length}`);
    assert.ok(Buffer.from(await first.arrayBuffer()).equals(bytes.subarray(0, 2)));
    const last = await part("bytes=-7");
    assert.ok(Buffer.from(await last.arrayBuffer()).equals(bytes.subarray(-7)));
    assert.is((await part(`bytes=${bytes.length}-`)).status, 416);
    const tag = whole.headers.get("etag")!;
    assert.is((await part("bytes=0-1", { "if-range": '"other"' })).status, 200);
    assert.is((await part("bytes=0-1", { "if-range": tag })).status, 206);
    const known = await preview("old.avi", `t=2&format=${format}`, { headers: { "if-none-match": tag } });
    assert.is(known.status, 304);
    const head = await preview("old.avi", `t=2&format=${format}`, { method: "HEAD" });
    assert.equal([head.status, await head.text()], [200, ""]);
  }
  const tags = await Promise.all(
    makers.map(async ({ format }) => (await preview("old.avi", `t=2&format=${format}`)).headers.get("etag")),
  );
  assert.is(new Set(tags).size, makers.length, "each format has another tag");
  const metrics = await (await server.get("/metrics")).text();
  assert.match(metrics, new RegExp(`^videoclip_previews_kept ${makers.length}$`, "m"));
  assert.match(metrics, /^videoclip_previews_kept_bytes [1-9]\d+$/m);
  assert.match(metrics, /^videoclip_previews_running 0$/m);
});

test("what has no preview says why, without a path, and other files are not decoded", async () => {
  if (makers.length === 0) return;
  const cases: [string, string, number, RegExp][] = [
    ["broken.avi", "t=1", 422, /^this video cannot be decoded there$/],
    ["playlist.avi", "t=0", 422, /^this video cannot be decoded there$/],
    ["old.avi", "t=25", 422, /^the video ends before this time$/],
    ["old.avi", "t=9999999", 422, /^the video ends before this time$/],
    ["link.avi", "t=1", 404, /not where the index says: see --videos/],
    ["missing.avi", "t=1", 404, /not where the index says: see --videos/],
  ];
  for (const [name, query, status, message] of cases) {
    const answer = await preview(name, query);
    assert.is(answer.status, status, `${name} ${query}`);
    const text = await messageOf(answer);
    assert.match(text, message, name);
    assert.not.match(text, /tmp|videos\//);
  }
  for (const path of [
    "A".repeat(22),
    "..%2f..%2foutside%2fsecret.avi",
    "%2e%2e",
    "%00",
    encodeURIComponent(join(videos, "old.avi")),
    "__proto__",
  ])
    assert.is((await server.get(`/api/previews/${path}?t=1`)).status, 404, path);
  const bad = ["", "t=", "t=-1", "t=1e3", "t=1&t=2", "t=1&x=2", "t=NaN", `t=${"9".repeat(30)}`, "t=1&format=avi", "t=1&format=mp4&format=mp4", "t=1&format="]; // prettier-ignore
  for (const query of bad) assert.is((await preview("old.avi", query)).status, 400, query);
  assert.is((await preview("old.avi", "t=1", { method: "POST" })).status, 405);
  assert.is((await preview("old.avi", "t=1", { headers: { "sec-fetch-site": "cross-site" } })).status, 403);
});

test("a preview needs the token, as a video does", async () => {
  const guarded = await served([join(root, "index")], { videos: [videos], token: TOKEN, previews: false });
  try {
    const path = `/api/previews/${ids["old.avi"]}?t=1`;
    assert.is((await guarded.get(path)).status, 401);
    assert.is((await guarded.get(path, { headers: { authorization: `Bearer ${TOKEN}x` } })).status, 401);
    const answer = await guarded.get(path, { headers: { authorization: `Bearer ${TOKEN}` } });
    assert.is(answer.status, 404);
    assert.match(await messageOf(answer), /^this server makes no previews: see --no-previews$/);
  } finally {
    await guarded.close();
  }
});

const MAKER: PreviewMaker = { format: "mp4", program: "node-av", video: "libx264", audio: "aac" };
const forever = () => new AbortController().signal;
/** Previews whose work is replaced. */
const previewsBy = (make: PreviewWork["make"], found: readonly PreviewMaker[] = [MAKER]) =>
  new Previews({ makers: () => Promise.resolve(found), make });
const unused: PreviewWork["make"] = () => Promise.reject(new Error("it is not asked"));

async function opened(): Promise<VideoFile> {
  const path = join(videos, "old.avi");
  const handle = await open(path);
  return { handle, path, facts: await handle.stat(), type: "video/x-msvideo" };
}

test("without an encoder, or without one for the format, the answer says so", async () => {
  const none = previewsBy(unused, []);
  assert.equal(await none.formats(), []);
  const failed = await none.maker(undefined).catch((error: Error) => error);
  assert.match((failed as Error).message, /^no preview: this server has no encoder for it: it needs node-av, or/);
  assert.is((failed as { status?: number }).status, 404);
  const one = previewsBy(unused);
  assert.is(await one.maker(undefined), MAKER);
  assert.is(await one.maker("webm").catch((error) => error.status), 404);
});

test("requests for the same preview share its work, two are made at once, and too many are refused", async () => {
  const file = await opened();
  let [running, most, made] = [0, 0, 0];
  const release: (() => void)[] = [];
  const previews = previewsBy(async () => {
    most = Math.max(most, ++running);
    made++;
    await new Promise<void>((done) => release.push(done));
    running--;
    return Uint8Array.of(1, 2, 3);
  });
  const same = Array.from({ length: 10 }, () => previews.preview(file, 1, MAKER, forever()));
  const others = Array.from({ length: 40 }, (_, i) => previews.preview(file, 2 + i, MAKER, forever()).then(() => 200, (e) => e.status)); // prettier-ignore
  const drain = setInterval(() => release.splice(0).forEach((done) => done()), 1);
  const statuses = await Promise.all(others);
  for (const bytes of await Promise.all(same)) assert.equal(bytes, Uint8Array.of(1, 2, 3));
  clearInterval(drain);
  assert.is(most, 2);
  assert.ok(statuses.includes(503) && statuses.includes(200));
  assert.is(made, 1 + statuses.filter((status) => status === 200).length);
  await file.handle.close();
});

test("a preview that nobody waits for is given up, by its client or with the server, and a failure is remembered", async () => {
  const file = await opened();
  let [stopped, made] = [0, 0];
  const previews = previewsBy((_, seconds, __, signal) => {
    made++;
    if (seconds === 9) return Promise.reject(new VideoError("ERR_VIDEO_CORRUPT", "broken"));
    return new Promise((_, reject) =>
      signal.addEventListener("abort", () => {
        stopped++;
        reject(signal.reason as Error);
      }),
    );
  });
  const leaving = new AbortController();
  const left = previews.preview(file, 1, MAKER, leaving.signal).catch((error) => error.name);
  await new Promise(setImmediate);
  leaving.abort();
  assert.equal([await left, stopped], ["AbortError", 1]);
  const kept = previews.preview(file, 2, MAKER, forever()).catch((error) => error.name);
  await new Promise(setImmediate);
  previews.dispose();
  assert.equal([await kept, stopped], ["AbortError", 2]);
  const failed = () => previews.preview(file, 9, MAKER, forever()).then(() => 200, (e) => e.status); // prettier-ignore
  assert.equal([await failed(), await failed(), made], [422, 422, 3]);
  await file.handle.close();
});

test("a client that goes away ends the process of its preview, and nothing is left", async () => {
  if (makers.length === 0) return;
  const gauge = async (name: string) =>
    Number(
      new RegExp(`^videoclip_previews_${name} (\\d+)$`, "m").exec(await (await server.get("/metrics")).text())![1],
    );
  const kept = await gauge("kept");
  const leaving = new AbortController();
  const answers = [4, 5, 6, 7].map((t) => preview("old.avi", `t=${t}.3`, { signal: leaving.signal }).catch(() => {}));
  for (let i = 0; i < 200 && (await gauge("waiting")) < 2; i++) await new Promise((done) => setTimeout(done, 5));
  leaving.abort();
  await Promise.all(answers);
  const rest = async () => (await gauge("running")) + (await gauge("waiting"));
  for (let i = 0; i < 200 && (await rest()) > 0; i++) await new Promise((done) => setTimeout(done, 50));
  assert.is(await rest(), 0);
  assert.ok((await gauge("kept")) - kept < 4, "those that had not begun were not made");
  assert.equal(readdirSync(temporary), []);
});

test.run();
