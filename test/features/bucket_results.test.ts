// Features that are written to a bucket are those of a folder: none missing, none twice, whatever the server does.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { BucketObjects } from "#lib/features/remote/bucket_objects.js";
import { BucketRecords } from "#lib/features/remote/bucket_records.js";
import type { VideoEncoder } from "#lib/models/video/video_encoder.js";
import type { ObjectStore } from "#lib/storage/object_store.js";
import { S3Store } from "#lib/storage/s3_store.js";
import { checkFeatures } from "#lib/features/check_features.js";
import { CLI } from "../support/command_line.js";
import { rejection } from "../support/errors.js";
import { type Fault, type S3Server, seeded, startS3Server } from "../support/s3_server.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { bytes, extractTiny, makeVideos, tinyEncoder } from "./tiny_extraction.js";

const test = suite("results in a bucket");
const root = temporaryFolder("bucket");
const made = join(root, "made");
const spool = join(root, "spool");
const NAMES = Array.from({ length: 6 }, (_, i) => `${String.fromCharCode(97 + i)}.mp4`);
const OUT = "s3://videos/out";
let encoder: VideoEncoder;
let server: S3Server;
/** Features in a folder, by name. */
let expected: Record<string, string>;

test.before(async () => {
  encoder = await tinyEncoder();
  await makeVideos(made, NAMES);
  await extractTiny(encoder, [made], join(root, "local"));
  expected = bytes(join(root, "local"));
});
test.after(() => encoder.dispose());
test.before.each(async () => void (server = await startS3Server({ page: 7 })));
test.after.each(() => server.close());

const retry = { attempts: 12, firstWait: 1, idle: 0.3 };
const objectStore = (bucket: string) => new S3Store(bucket, { env: server.env, retry });
const extract = (inputs: readonly string[] = [made], options: object = {}, out = OUT) =>
  extractTiny(encoder, inputs, out, { objectStore, spool, requests: retry, ...options });

const namesOf = (ending: string) => [...server.objects.keys()].filter((key) => key.startsWith("out/") && key.endsWith(ending)).map((key) => key.slice(4)).sort(); // prettier-ignore
const stored = () => Object.fromEntries(namesOf(".npy").map((name) => [name, server.objects.get(`out/${name}`)!.bytes.toString("hex")])); // prettier-ignore
const recordsOf = (kind = "manifest") =>
  namesOf(".jsonl")
    .filter((name) => name.startsWith(kind))
    .flatMap((name) => server.objects.get(`out/${name}`)!.bytes.toString().trim().split("\n"))
    .map((line) => JSON.parse(line) as { path: string; file: string });

test("the objects are the files of a folder, and copied to one they are its features", async () => {
  const { videos, failed, notes } = await extract();
  assert.is(videos, NAMES.length);
  assert.equal([failed, notes], [{}, []]);
  assert.equal(stored(), expected);
  assert.equal(recordsOf().map(({ file }) => file).sort(), Object.keys(expected)); // prettier-ignore
  assert.is(namesOf(".jsonl").length, 1, "the records are joined at the end");
  assert.equal(readdirSync(spool), [], "nothing is left on this machine");
  const copy = join(root, "copy");
  mkdirSync(copy);
  for (const [key, object] of server.objects) writeFileSync(join(copy, key.slice(4)), object.bytes);
  const checked = await checkFeatures(copy);
  assert.equal([checked.videos, checked.ok], [NAMES.length, true]);
});

test("100 objects in and out of a faulty server: none missing, none written twice", async () => {
  const random = seeded(11);
  for (let i = 0; i < 100; i++) server.put(`in/${String(i).padStart(3, "0")}.mp4`, readFileSync(join(made, NAMES[i % NAMES.length]))); // prettier-ignore
  const faults: Fault[] = ["503", "slowdown", "truncate", "reset", "slow", "conflict", "lost"];
  server.options.plan = () => (random() < 0.3 ? faults[Math.floor(random() * faults.length)] : undefined);
  const { videos, failed } = await extract(["s3://videos/in/"], { decoders: 3 });
  assert.equal(failed, {});
  assert.is(videos, 100);
  const got = stored();
  assert.is(Object.keys(got).length, 100);
  for (const [i, name] of Object.keys(got).entries()) assert.is(got[name], expected[`${NAMES[i % NAMES.length].slice(0, 1)}.npy`], name); // prettier-ignore
  assert.is(recordsOf().length, 100);
  const twice = server.written.filter((key, i) => server.written.indexOf(key) !== i);
  assert.equal(twice, []);
  const seen = new Set(server.requests.filter(({ method }) => method === "PUT").map(({ fault }) => fault));
  for (const fault of ["503", "conflict", "lost"] as const) assert.ok(seen.has(fault), fault);
});

test("a run goes on where one ended: what changed is replaced, what failed is tried again", async () => {
  const videos = join(root, "changing");
  mkdirSync(videos);
  for (const name of NAMES) writeFileSync(join(videos, name), readFileSync(join(made, name)));
  writeFileSync(join(videos, "a.mp4"), "no video");
  const first = await extract([videos]);
  assert.equal([first.videos, first.failures], [NAMES.length - 1, 1]);
  assert.is(recordsOf("failures").length, 1);
  const refused = await rejection(extract([videos]));
  assert.is(refused.message, "s3://videos/out/ already holds features: add --resume to go on, or give another --out");
  writeFileSync(join(videos, "b.mp4"), readFileSync(join(made, "c.mp4")));
  server.written.length = 0;
  const second = await extract([videos], { resume: true });
  assert.equal([second.changed, second.skipped, second.failures], [1, NAMES.length - 2, 1]);
  assert.is(stored()["b.npy"], expected["c.npy"]);
  assert.equal(server.written.filter((key) => key.endsWith(".npy")), ["out/b.npy"]); // prettier-ignore
  writeFileSync(join(videos, "a.mp4"), readFileSync(join(made, "a.mp4")));
  const third = await extract([videos], { retryFailed: true });
  assert.equal([third.videos, third.failures], [1, 0]);
  assert.is(stored()["a.npy"], expected["a.npy"]);
  assert.is(recordsOf("failures").length, 0);
  const last = await extract([videos], { resume: true });
  assert.equal([last.skipped, last.videos], [NAMES.length, 0]);
});

test("other settings than those of the bucket's features are refused", async () => {
  await extract();
  const error = await rejection(extract([made], { resume: true, l2: true }));
  assert.match(error.message, /^s3:\/\/videos\/out\/ was made with l2 false, this run has true/);
});

test("shards share a prefix, also beside each other", async () => {
  await Promise.all(["0/2", "1/2"].map((shard) => extract([made], { shard })));
  assert.equal(stored(), expected);
  assert.match(namesOf(".jsonl").join(), /^manifest\.0-of-2\.[\d-]+\.jsonl,manifest\.1-of-2\.[\d-]+\.jsonl$/);
  const again = await extract([made], { resume: true });
  assert.is(again.skipped, NAMES.length);
});

test("a second writer of one part ends before it records anything", async () => {
  const runs = await Promise.allSettled([extract(), extract()]);
  const [error] = runs.flatMap((run) => (run.status === "rejected" ? [run.reason as Error] : []));
  assert.match(error.message, /^another extraction writes to s3:\/\/videos\/out\/ and has just written manifest\.[\d-]+\.jsonl: wait for it/); // prettier-ignore
  await extract([made], { resume: true });
  assert.equal(stored(), expected);
  assert.equal(new Set(recordsOf().map(({ path }) => path)).size, NAMES.length);
});

test("an object that no record names is kept, if it has other content", async () => {
  server.put("out/a.npy", Buffer.from(expected["a.npy"], "hex"));
  const { videos } = await extract();
  assert.is(videos, NAMES.length, "equal content, as a run that was killed leaves it");
  for (const key of [...server.objects.keys()]) server.objects.delete(key);
  server.put("out/a.npy", "precious");
  const error = await rejection(extract());
  assert.is(error.code, "ERR_RESULTS_DIFFER");
  assert.match(error.message, /^s3:\/\/videos\/out\/a\.npy: there is an object with other content, which no record names/); // prettier-ignore
  assert.is(server.objects.get("out/a.npy")!.bytes.toString(), "precious");
  const rest = Object.keys(expected).filter((name) => name !== "a.npy");
  assert.equal(recordsOf().map(({ file }) => file).sort(), rest.filter((name) => stored()[name])); // prettier-ignore
});

test("a store that ignores conditions is refused", async () => {
  server.options.isUnconditional = true;
  const error = await rejection(extract());
  assert.is(error.code, "ERR_STORAGE");
  assert.match(error.message, /it ignores If-None-Match.*use one with conditional writes/);
});

test("a bucket that cannot be written ends the run with one line; what was finished is saved", async () => {
  server.options.answer = ({ method, key }, response) => {
    if (method !== "PUT" || key !== "out/c.npy") return false;
    response.writeHead(403).end("<Error><Code>AccessDenied</Code><Message>Denied</Message></Error>");
    return true;
  };
  const error = await rejection(extract());
  assert.match(error.message, /^s3:\/\/videos\/out\/c\.npy: access is denied .* s3:PutObject; what was finished is saved; go on with --resume/); // prettier-ignore
  server.options.answer = undefined;
  const { skipped, videos } = await extract([made], { resume: true });
  assert.is(skipped + videos, NAMES.length);
  assert.equal(stored(), expected);
  const none = await rejection(extract([made], {}, "s3://elsewhere/out"));
  assert.match(none.message, /there is no such bucket/);
  assert.match((await rejection(extract([made], {}, "s3://videos/a//b"))).message, /without parts that are empty/);
  assert.match((await rejection(extract([made], {}, "s3://"))).message, /expected a bucket's name/);
});

test("a process that is killed at any moment loses and doubles nothing", async () => {
  const random = seeded(5);
  const flags = [
    "--model",
    "s3d-tiny",
    "--preset",
    "shapes",
    "--random-weights",
    "1",
    "--threads",
    "1",
    "--spool",
    spool,
  ];
  const run = async (after?: number) => {
    const child = spawn(process.execPath, [CLI, "extract", made, ...flags, "--out", OUT, "--resume", "--quiet"], {
      env: { ...process.env, ...server.env },
    });
    const timer = after === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), after);
    const [code] = (await once(child, "close")) as [number | null];
    clearTimeout(timer);
    return code;
  };
  server.options.plan = () => (random() < 0.5 ? "slow" : undefined);
  for (let round = 0; round < 6; round++) await run(300 + 300 * random());
  assert.is(await run(), 0);
  assert.equal(stored(), expected);
  assert.is(new Set(recordsOf().map(({ path }) => path)).size, NAMES.length);
  const features = server.written.filter((key) => key.endsWith(".npy"));
  assert.is(features.length, NAMES.length, "each is written once");
});

/** The records of the part `.p` at s3://videos/records/, with the copy in a new folder. */
let folders = 0;
async function openRecords(store: ObjectStore = objectStore("videos")) {
  const folder = join(root, `records-${folders++}`);
  mkdirSync(folder);
  const path = join(folder, "manifest.p.jsonl");
  const objects = new BucketObjects(store, "videos", "records/", retry);
  const records = await BucketRecords.open(objects, "manifest", ".p", folder);
  const add = async (line: string) => {
    await records.add(`${line}\n`);
    writeFileSync(path, `${line}\n`, { flag: "a" });
    await records.join();
  };
  return { add, records, lines: () => readFileSync(path, "utf8").trim().split("\n") };
}
const pieces = () => [...server.objects.keys()].filter((key) => key.startsWith("records/")).sort(); // prettier-ignore

test("many small objects with records are joined, and no moment of that loses or doubles one", async () => {
  const { add } = await openRecords();
  const all = Array.from({ length: 150 }, (_, i) => `{"record":${i}}`);
  let copies: Map<string, Buffer> | undefined;
  for (const [i, line] of all.entries()) {
    if (i === 64) copies = new Map(pieces().map((key) => [key, server.objects.get(key)!.bytes]));
    await add(line);
  }
  assert.ok(pieces().length <= 65, String(pieces().length));
  assert.equal((await openRecords()).lines(), all);
  for (const [key, content] of copies!) server.put(key, content); // a process was killed before it removed them
  assert.equal((await openRecords()).lines(), all);
  assert.ok(pieces().length <= 65, "they are removed now");
});

test("a writer notices another one that has joined and removed the object with its number", async () => {
  const [one, other] = [await openRecords(), await openRecords()];
  for (const line of ["{}", "{}"]) await one.add(line);
  await one.records.join(1);
  assert.equal(pieces(), ["records/manifest.p.000000-000001.jsonl"]);
  const error = await rejection(other.add('{"other":1}'));
  assert.match(error.message, /another extraction writes to .*has just written manifest\.p\.000000-000001\.jsonl/);
});

test("objects that may not be removed are no other writer", async () => {
  const store = objectStore("videos");
  const denied = () => Promise.reject(new Error("denied"));
  const other = Object.assign(Object.create(store), { delete: denied, list: store.list.bind(store), put: store.put.bind(store), get: store.get.bind(store) }); // prettier-ignore
  const { add, records } = await openRecords(other);
  for (const line of ["{}", "{}"]) await add(line);
  await records.join(1);
  assert.is(pieces().length, 3);
  await add("{}");
  assert.is((await openRecords(other)).lines().length, 3);
});

test("a joined object appears while the objects are listed: the list is read again", async () => {
  const { add, records } = await openRecords();
  for (let i = 0; i < 20; i++) await add(`{"record":${i}}`);
  const store = objectStore("videos");
  let asked = 0;
  const get: ObjectStore["get"] = async (key, options) => {
    if (asked++ === 0) await records.join(1);
    return store.get(key, options);
  };
  const other: ObjectStore = Object.assign(Object.create(store), { get, list: store.list.bind(store) });
  other.delete = store.delete.bind(store);
  const { lines } = await openRecords(other);
  assert.is(lines().length, 20);
});

test.run();
