// Videos of buckets and of the web give the features of local files, within a bounded folder, whatever the server does.
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { featureNames } from "#lib/features/feature_names.js";
import { findInputs } from "#lib/features/inputs/find_inputs.js";
import { VideoSources } from "#lib/features/remote/video_sources.js";
import type { VideoEncoder } from "#lib/models/video/video_encoder.js";
import { S3Store } from "#lib/storage/s3_store.js";
import { CLI, jsonLines } from "../support/command_line.js";
import { rejection } from "../support/errors.js";
import { type Fault, type S3Server, seeded, startS3Server } from "../support/s3_server.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { bytes, extractTiny, features, makeVideos, tinyEncoder } from "./tiny_extraction.js";

const test = suite("remote videos");
const root = temporaryFolder("remote");
const made = join(root, "made");
const spool = join(root, "spool");
const NAMES = Array.from({ length: 8 }, (_, i) => `${String.fromCharCode(97 + i)}.mp4`);
let encoder: VideoEncoder;
let server: S3Server;
/** Features of the local files, by name. */
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

const video = (name: string) => readFileSync(join(made, name));
const retry = { attempts: 8, firstWait: 1, idle: 0.3 };
const objectStore = (bucket: string) => new S3Store(bucket, { env: server.env, retry });
let outs = 0;
const extract = (inputs: readonly string[], options: object = {}, out = join(root, `out-${outs++}`)) =>
  extractTiny(encoder, inputs, out, { objectStore, spool, requests: retry, ...options }).then((run) => ({ ...run, out, manifest: jsonLines(join(out, "manifest.jsonl")) })); // prettier-ignore
const found = async (...inputs: string[]) => {
  const { items, omitted } = await findInputs(inputs, new VideoSources({ objectStore }));
  return {
    items,
    omitted,
    names: items.map(({ path, error }) => `${error ? "!" : ""}${path.replace("s3://videos/", "")}`),
  };
};

test("a prefix is searched as a folder is: endings, pictures, hidden and program folders, source text", async () => {
  const stream = Buffer.alloc(1000, 0xff);
  for (let i = 0; i < 1000; i += 188) stream[i] = 0x47;
  const contents: Record<string, Buffer | string> = { "ops.ts": "export const x = 1;\n", "empty.ts": "", "cut.ts": stream, "whole.ts": stream.subarray(0, 940) }; // prettier-ignore
  const keys = ["b.mp4", "a.MKV", "sub/Title.mp4", "sub/title.jpg", "sub/other.png", "x.srt", "README", ".hidden.mp4", "sub/", "node_modules/x/c.mp4", "node_modules/d.mp4", "../up.mp4"]; // prettier-ignore
  for (const key of [...keys, ...Object.keys(contents)]) server.put(`in/${key}`, contents[key] ?? "x");
  server.put("inner/z.mp4", "x");
  server.put("in/name without ending", "x");
  for (const input of ["s3://videos/in", "s3://videos/in/"]) {
    const { names, omitted } = await found(input);
    assert.equal(names, ["in/a.MKV", "in/b.mp4", "in/cut.ts", "in/sub/Title.mp4", "in/sub/other.png", "in/whole.ts"]); // prettier-ignore
    assert.is(omitted.sentence(), "left out: 5 files with other endings (.ts source text 2, no ending 2, .srt 1), 1 picture beside the video of the same name, 2 folders of programs (.. 1, node_modules 1)"); // prettier-ignore
  }
  const single = await found("s3://videos/in/name without ending", "s3://videos/inner/z.mp4", "s3://videos/inner/");
  assert.equal(single.names, ["in/name without ending", "inner/z.mp4"], "each once");
  assert.match((await rejection(found("s3://videos/none/"))).message, /no video was found/);
  assert.match((await rejection(found("s3://videos/list.csv"))).message, /is a list, and lists are read from this machine/); // prettier-ignore
  assert.match((await rejection(found("s3://"))).message, /expected a bucket's name/);
});

test("rows of lists may be addresses; rows that name no object fail, and secrets are in no path", async () => {
  const list = join(root, "list.csv");
  const rows = ["s3://videos/a.mp4", "https://h/v.mp4?X-Amz-Signature=abc&id=7", "https://u:p@h/w.mp4", "s3://videos/sub/", "https://[bad/x.mp4?token=t", "local.mp4"]; // prettier-ignore
  writeFileSync(list, `path\n${rows.join("\n")}\n`);
  const { items } = await found(list);
  const good = items.filter(({ error }) => !error).map(({ path }) => path);
  assert.equal(good, [join(root, "local.mp4"), "https://h/v.mp4?id=7", "https://h/w.mp4", "s3://videos/a.mp4"]);
  const bad = items.flatMap(({ error }) => error?.message ?? []);
  assert.equal(bad, [
    `${list}:5: s3://videos/sub/ names no object: expected s3://bucket/key`,
    `${list}:6: https://[bad/x.mp4 is not a valid address`,
  ]);
  const paths = ["https://h/x%20y.mp4?a=1.2/3", "s3://b/deep/x y.mov", "s3://b/z.mp4", "https://h/"];
  const videos = paths.map((path) => ({ path }));
  const names = featureNames(videos, { get: () => undefined, claimants: () => [] });
  assert.match(paths.map((path) => names.get(path)).join(), /^x y-\w{8}\.npy,x y-\w{8}\.npy,z\.npy,video\.npy$/);
});

test("100 objects through a faulty server: none missing, none twice, the features of local files", async () => {
  const random = seeded(3);
  for (let i = 0; i < 100; i++) server.put(`in/${String(i).padStart(3, "0")}.mp4`, video(NAMES[i % NAMES.length]));
  const faults: Fault[] = ["503", "slowdown", "truncate", "reset", "slow"];
  let stalls = 0;
  server.options.plan = () => {
    const draw = random();
    if (draw < 0.005 && stalls++ < 3) return "stall";
    return draw < 0.3 ? faults[Math.floor(random() * faults.length)] : undefined;
  };
  const run = await extract(["s3://videos/in/"], { decoders: 3 });
  assert.equal(run.failed, {});
  assert.is(run.videos, 100);
  assert.is(run.manifest.length, 100);
  assert.is(new Set(run.manifest.map(({ path }) => path)).size, 100);
  const got = bytes(run.out);
  for (const [i, name] of features(run.out).entries()) assert.is(got[name], expected[`${NAMES[i % NAMES.length].slice(0, 1)}.npy`], name); // prettier-ignore
  const [first] = run.manifest.filter(({ path }) => path === "s3://videos/in/000.mp4");
  assert.equal(first.source, { bytes: video("a.mp4").length, modified: 1.7e12, etag: server.objects.get("in/000.mp4")!.etag }); // prettier-ignore
  assert.equal(readdirSync(spool), [], "nothing is left");
  assert.ok(server.requests.filter(({ fault }) => fault).length > 20, "there were faults");
});

test("a run that resumes asks the listing which objects changed, and downloads only those", async () => {
  for (const name of NAMES) server.put(`in/${name}`, video(name));
  const { out } = await extract(["s3://videos/in/"]);
  assert.equal(bytes(out), expected);
  server.put("in/a.mp4", video("b.mp4"));
  server.objects.get("in/c.mp4")!.modified = new Date(); // the same content, written again
  server.requests.length = 0;
  const again = await extract(["s3://videos/in/"], { resume: true }, out);
  assert.is(again.changed, 1);
  assert.is(again.skipped, NAMES.length - 1);
  assert.equal(server.requests.filter(({ key }) => key !== "").map(({ key }) => key), ["in/a.mp4"]); // prettier-ignore
  assert.is(bytes(out)["a.npy"], expected["b.npy"]);
  const list = join(root, "resumed.txt");
  writeFileSync(list, NAMES.map((name) => `s3://videos/in/${name}\n`).join(""));
  server.put("in/d.mp4", video("e.mp4"));
  server.requests.length = 0;
  const listed = await extract([list], { resume: true }, out);
  assert.is(listed.changed, 1);
  assert.equal(server.requests.filter(({ method }) => method === "GET").map(({ key }) => key), ["in/d.mp4"]); // prettier-ignore
});

test("objects that are missing, closed or no videos are failures with their address; --retry-failed mends them", async () => {
  for (const name of ["a.mp4", "b.mp4"]) server.put(name, video(name));
  server.put("text.mp4", "this is a text");
  server.put("cut.mp4", video("c.mp4").subarray(0, 900));
  server.options.answer = ({ key }, response) => {
    if (key !== "closed.mp4") return false;
    response.writeHead(403).end("<Error><Code>AccessDenied</Code><Message>Denied</Message></Error>");
    return true;
  };
  const inputs = ["a", "b", "text", "cut", "closed", "missing"].map((name) => `s3://videos/${name}.mp4`);
  const { out, failed, videos } = await extract(inputs);
  assert.is(videos, 2);
  assert.equal(Object.keys(failed).sort(), ["closed", "cut", "missing", "text"].map((name) => `s3://videos/${name}.mp4`)); // prettier-ignore
  for (const [path, message] of Object.entries(failed)) {
    assert.ok(message.startsWith(`${path}: `), message);
    assert.not.match(message, /spool/);
  }
  assert.match(failed["s3://videos/text.mp4"], /is a text file/);
  assert.match(failed["s3://videos/missing.mp4"], /there is no such object/);
  const codes = Object.fromEntries(
    jsonLines(join(out, "failures.jsonl")).map(({ path, code }) => [basename(path), code]),
  );
  assert.equal(codes, { "closed.mp4": "ERR_VIDEO_UNREADABLE", "cut.mp4": "ERR_VIDEO_TRUNCATED", "missing.mp4": "ERR_VIDEO_NOT_FOUND", "text.mp4": "ERR_VIDEO_FORMAT" }); // prettier-ignore
  server.options.answer = undefined;
  for (const name of ["missing", "closed"]) server.put(`${name}.mp4`, video("d.mp4"));
  server.put("text.mp4", video("e.mp4"));
  const again = await extract(inputs, { resume: true }, out);
  assert.is(again.videos, 3, "those that failed and changed since");
  const retried = await extract(inputs, { retryFailed: true }, out);
  assert.equal(Object.keys(retried.failed), ["s3://videos/cut.mp4"]);
});

test("the spool keeps its limit, and an object that is larger is a failure that names the option", async () => {
  const sizes = NAMES.map((name) => video(name).length);
  for (const name of NAMES) server.put(name, video(name));
  server.put("huge.mp4", Buffer.concat(NAMES.map(video)));
  const spoolBytes = Math.max(...sizes) + 100;
  let peak = 0;
  const measure = () => {
    let sum = 0;
    for (const folder of readdirSync(spool)) {
      for (const name of readdirSync(join(spool, folder))) {
        if (name !== "owner.json") sum += statSync(join(spool, folder, name), { throwIfNoEntry: false })?.size ?? 0;
      }
    }
    peak = Math.max(peak, sum);
  };
  const timer = setInterval(() => {
    try {
      measure();
    } catch {
      // a folder that was just removed
    }
  }, 1);
  const run = await extract(["s3://videos/"], { spoolBytes, decoders: 2, onEvent: measure }).finally(() => clearInterval(timer)); // prettier-ignore
  assert.ok(peak > 0 && peak <= spoolBytes, `${peak} of ${spoolBytes}`);
  assert.is(run.videos, NAMES.length);
  const { reason, code } = jsonLines(join(run.out, "failures.jsonl"))[0];
  assert.is(code, "ERR_VIDEO_UNREADABLE");
  assert.match(reason, /huge\.mp4: it has \d+ bytes or more, and the spool holds at most \d+: raise --spool-bytes/);
  assert.match((await rejection(extract(["s3://videos/"], { spoolBytes: -1 }))).message, /spoolBytes: expected/);
});

test("the web: a video of unknown length has all of the spool, and its record has no secret", async () => {
  server.options.answer = ({ key, headers }, response) => {
    const bytes = video(basename(key));
    if (key.startsWith("chunked")) {
      response.write(bytes.subarray(0, 10));
      response.end(bytes.subarray(10));
    } else if (headers.range === "bytes=0-0")
      response.writeHead(206, { "content-range": `bytes 0-0/${bytes.length}`, etag: '"7"' }).end("x"); // prettier-ignore
    else response.writeHead(200, { "content-length": bytes.length, etag: '"7"' }).end(bytes);
    return true;
  };
  const inputs = NAMES.map((name, i) => `${server.endpoint}/videos/${i % 2 ? "chunked" : "sized"}/${name}?X-Amz-Signature=SECRET${i}&v=1`); // prettier-ignore
  const { out, manifest } = await extract(inputs, { spoolBytes: 1e6, hash: true });
  assert.equal(bytes(out), expected);
  const text = readFileSync(join(out, "manifest.jsonl"), "utf8");
  assert.not.match(text, /SECRET/);
  const record = manifest.find(({ path }) => path === `${server.endpoint}/videos/sized/a.mp4?v=1`);
  assert.is(record.source.etag, '"7"');
  assert.is(record.source.sha256.length, 64);
  assert.ok(server.requests.every(({ query }) => query.get("X-Amz-Signature")?.startsWith("SECRET")));
  server.requests.length = 0;
  const again = await extract(inputs.map((one) => one.replace("SECRET", "OTHER")), { resume: true }, out); // prettier-ignore
  assert.is(again.skipped, NAMES.length, "another signature is the same video");
  assert.ok(server.requests.every(({ headers }) => headers.range === "bytes=0-0"));
});

test("a bucket that cannot be reached ends the run with one line, before the first video or in the middle", async () => {
  const { run } = commandLine();
  const wrong = await run(["s3://nobody/in/"], {});
  assert.is(wrong.code, 1, wrong.stderr);
  assert.match(wrong.stderr, /^videoclip: s3:\/\/nobody: there is no such bucket at 127.* \[ERR_STORAGE\]\n$/);
  const anonymous = await run(["s3://videos/in/"], { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" });
  assert.match(anonymous.stderr, /^videoclip: s3:\/\/videos: access is denied, and there are no credentials: .*\n$/);
  for (const name of NAMES) server.put(`in/${name}`, video(name));
  let count = 0;
  server.options.answer = ({ key }, response) => {
    if (key === "" || count++ < 3) return false;
    response.writeHead(400).end("<Error><Code>ExpiredToken</Code></Error>");
    return true;
  };
  const out = join(root, "interrupted");
  const half = await run(["s3://videos/in/"], {}, out);
  assert.is(half.code, 1);
  const lines = half.stderr.split("\n").filter((line) => line.startsWith("videoclip: "));
  assert.is(lines.length, 1, half.stderr);
  assert.match(lines[0], /refuses the credentials of the environment \(ExpiredToken\).*what was finished is saved; go on with --resume/); // prettier-ignore
  assert.ok(jsonLines(join(out, "manifest.jsonl")).length >= 1);
  assert.not.ok(readdirSync(out).includes("failures.jsonl"));
  server.options.answer = undefined;
  assert.is((await run(["s3://videos/in/", "--resume"], {}, out)).code, 0);
  assert.is(jsonLines(join(out, "manifest.jsonl")).length, NAMES.length);
});

test("a killed process leaves a spool that the next one removes; those of living processes stay", async () => {
  for (const name of NAMES) server.put(`in/${name}`, video(name));
  const { run, start } = commandLine();
  server.options.answer = ({ key, headers }, response) => {
    if (key === "" || headers.range || !key.endsWith("c.mp4")) return false;
    response.writeHead(200, { "content-length": video("c.mp4").length }).write("x".repeat(100)); // and nothing more
    return true;
  };
  const child = start(["s3://videos/in/"], {});
  for (let i = 0; i < 400 && !server.requests.some(({ key }) => key.endsWith("c.mp4")); i++) await new Promise((resolve) => setTimeout(resolve, 25)); // prettier-ignore
  await new Promise((resolve) => setTimeout(resolve, 50));
  const [folder] = readdirSync(spool);
  assert.ok(folder, "it has a spool");
  const other = join(spool, "videoclip-spool-1-ours");
  mkdirSync(other);
  writeFileSync(join(other, "owner.json"), readFileSync(join(spool, folder, "owner.json")));
  server.options.answer = undefined;
  const closed = new Promise((resolve) => child.on("close", resolve));
  assert.is((await run(["s3://videos/in/a.mp4"], {})).code, 0);
  assert.equal(readdirSync(spool).sort(), [basename(other), folder].sort(), "the process lives");
  child.kill("SIGKILL");
  await closed;
  assert.ok(readdirSync(spool).includes(folder));
  assert.is((await run(["s3://videos/in/a.mp4"], {})).code, 0);
  assert.equal(readdirSync(spool), []);
});

/** Runs the command line beside the server of this process. */
function commandLine() {
  const flags = "--model s3d-tiny --preset shapes --random-weights 1 --decoders 1 --quiet".split(" ");
  const start = (args: string[], env: object, out = join(root, `out-${outs++}`)) =>
    spawn(process.execPath, [CLI, "extract", ...args, ...flags, "--spool", spool, "--out", out], {
      env: { ...process.env, ...server.env, ...env },
      stdio: ["ignore", "ignore", "pipe"],
    });
  const run = async (args: string[], env: object, out?: string) => {
    const child = start(args, env, out);
    let stderr = "";
    child.stderr.on("data", (text) => (stderr += text));
    const code = await new Promise((resolve) => child.on("close", resolve));
    return { code, stderr };
  };
  return { run, start };
}

test.run();
