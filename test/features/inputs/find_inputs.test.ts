// Folders, globs and lists give every video once, and a reason for every entry that is not a video.
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { findInputs } from "#lib/features/inputs/find_inputs.js";
import { readShard, takeShard } from "#lib/features/inputs/shard.js";
import { openWeights } from "#lib/weights/open_weights.js";
import { CLI } from "../../support/command_line.js";
import { rejection } from "../../support/errors.js";
import { temporaryFolder } from "../../support/temporary_folder.js";

const test = suite("inputs");
const root = temporaryFolder("inputs");

let cases = 0;
/** A folder with files of these names. */
function folder(...names: string[]): string {
  const at = join(root, `case-${cases++}`);
  mkdirSync(at);
  for (const name of names) file(at, name);
  return at;
}
function file(at: string, name: string, content: string | Buffer = Buffer.alloc(9, 0xff)): string {
  mkdirSync(dirname(join(at, name)), { recursive: true });
  writeFileSync(join(at, name), content);
  return join(at, name);
}
/** The paths that are found, relative to a folder; `!` precedes known failures. */
async function found(at: string, ...inputs: string[]) {
  const { items, omitted } = await findInputs(inputs.length > 0 ? inputs : [at]);
  const names = items.map(({ path, error }) => `${error ? "!" : ""}${relative(at, path)}`);
  const errors = items.flatMap(({ error }) => (error ? [error] : []));
  return { names, errors, omitted, items };
}
test("links to folders are followed, each real folder once, and loops end", async () => {
  const elsewhere = folder("a.mp4", "deep/b.mp4");
  const at = folder("own.mp4", "z/c.mp4");
  symlinkSync(elsewhere, join(at, "batch1"));
  symlinkSync(join(elsewhere, "deep"), join(at, "batch0"));
  symlinkSync(".", join(at, "self"));
  symlinkSync(join(at, "z"), join(at, "a-link-before-z"));
  const { names } = await found(at);
  assert.equal(names, ["batch0/b.mp4", "batch1/a.mp4", "own.mp4", "z/c.mp4"]);
  const globbed = await found(at, join(at, "**/*.mp4"));
  assert.is(globbed.names.length, 4, globbed.names.join());
  assert.ok(globbed.names.includes("own.mp4") && globbed.names.includes("z/c.mp4"));
  const both = await found(at, at, elsewhere, join(at, "self/own.mp4"));
  assert.is(both.names.length, 4, both.names.join());
});

test("containers and pictures of all endings are found, and other files are counted by ending", async () => {
  const videos =
    "a.MTS b.m2ts c.vob d.m2v e.mxf f.asf g.f4v h.3g2 i.y4m j.apng k.bmp l.tiff m.rm n.h264 o.wtv p.mjpeg q.qt r.MP4";
  const at = folder(...videos.split(" "), "x.ogg", "y.srt", "sub/z.srt", "README", "w.heic", ".hidden.mp4");
  const { names, omitted } = await found(at);
  assert.equal(names.map((name) => basename(name)).sort(), videos.split(" ").sort());
  assert.is(omitted.sentence(), "left out: 5 files with other endings (.srt 2, .heic 1, .ogg 1, no ending 1)");
  const nothing = await rejection(findInputs([folder("a.srt", "b.srt")]));
  assert.match(nothing.message, /no video was found; left out: 2 files with other endings \(\.srt 2\)/);
});

test("source text that ends in .ts is not a video; a transport stream is, with 188, 192 or 204 bytes per packet", async () => {
  const at = folder();
  const stream = (at: number, packet: number) => {
    const bytes = Buffer.alloc(1000, 0xff);
    for (let i = at; i < 1000; i += packet) bytes[i] = 0x47;
    return bytes;
  };
  file(at, "ops.ts", 'export const x = "Größe";\n');
  file(at, "empty.d.ts", "");
  file(at, "module.mts", "G".repeat(10));
  for (const [i, packet] of [188, 192, 204].entries()) file(at, `${packet}.ts`, stream(i === 1 ? 4 : 0, packet));
  file(at, "late.ts", stream(77, 188)); // begins within a packet: the decoder synchronises
  const { names, omitted } = await found(at);
  assert.equal(names, ["188.ts", "192.ts", "204.ts", "late.ts"]);
  assert.equal(omitted.endings, { ".ts source text": 2, ".mts source text": 1 });
  assert.equal((await found(at, join(at, "ops.ts"))).names, ["ops.ts"], "a file that is named is accepted");
});

test("folders that programs create for their data are not searched", async () => {
  const at = folder("a.mp4", ".cache/b.mp4", "node_modules/x/c.mp4", "@eaDir/a.mp4/SYNO.jpg", "__MACOSX/d.mp4");
  const { names, omitted } = await found(at);
  assert.equal(names, ["a.mp4"]);
  assert.equal(omitted.folders, { ".cache": 1, node_modules: 1, "@eaDir": 1, __MACOSX: 1 });
  assert.match(omitted.sentence()!, /4 folders of programs/);
  assert.equal((await found(join(at, ".cache"))).names, ["b.mp4"], "unless the caller names one");
});

test("a picture beside a video of the same name is its thumbnail", async () => {
  const at = folder("Title.mp4", "title.webp", "Title.mp4.jpg", "other.jpg", "sub/Title.jpg", "b.mkv", "b.gif");
  const { names, omitted } = await found(at);
  assert.equal(names, ["Title.mp4", "b.mkv", "other.jpg", "sub/Title.jpg"]);
  assert.is(omitted.pictures, 3);
  assert.match(omitted.sentence()!, /3 pictures beside the video of the same name/);
});

test("names that are not UTF-8 are separate failures, and other odd names are accepted", async () => {
  const odd = [
    "new\nline.mp4",
    "100%d.mp4",
    "#1?.mp4",
    "-dash.mp4",
    "blank .mp4",
    "[1].mp4",
    "e\u0301.mp4",
    "\u00e9.mp4",
  ];
  const at = folder(...odd);
  for (const byte of [0xe8, 0xe9]) {
    const name = Buffer.concat([Buffer.from(`${at}/caf`), Buffer.from([byte]), Buffer.from(".mp4")]);
    writeFileSync(name, "x");
  }
  const { names, errors } = await found(at);
  assert.equal(names.filter((name) => !name.startsWith("!")).sort(), [...odd].sort());
  assert.equal(names.filter((name) => name.startsWith("!")), ["!caf\\xe8.mp4", "!caf\\xe9.mp4"]); // prettier-ignore
  for (const error of errors) assert.match(error.message, /its name is not UTF-8/);
});

test("a named pipe, an unreadable folder and a folder named like a video fail without blocking the others", async () => {
  const at = folder("good.mp4", "closed/x.mp4", "folder.mp4/inner.mp4");
  if (spawnSync("mkfifo", [join(at, "pipe.mp4")]).status !== 0) return console.log("SKIP: no mkfifo");
  symlinkSync(join(at, "nowhere"), join(at, "dangling.mp4"));
  const { names, errors } = await found(at);
  assert.equal(names, ["closed/x.mp4", "dangling.mp4", "!folder.mp4", "folder.mp4/inner.mp4", "good.mp4", "!pipe.mp4"]);
  assert.equal(errors.map(({ code }) => code), ["ERR_VIDEO_UNREADABLE", "ERR_VIDEO_UNREADABLE"]); // prettier-ignore
  assert.match(errors[1].message, /is a pipe/);
  if (process.getuid?.() !== 0) return console.log("SKIP: only root may become another user");
  chmodSync(join(at, "closed"), 0);
  chmodSync(root, 0o755);
  const url = new URL("../../dist/features/inputs.js", import.meta.url).href;
  const script = `process.setgid(65534); process.setuid(65534);
    import(${JSON.stringify(url)}).then(({ findInputs }) => findInputs([${JSON.stringify(at)}]))
      .then(({ items }) => console.log(items.map(({ path, error }) => path + " " + (error?.message ?? "")).join("\\n")), console.error)`;
  const run = spawnSync(process.execPath, ["-e", script], { encoding: "utf8" });
  if (/EACCES.*node|ERR_MODULE|permission denied.*dist/.test(run.stderr)) return console.log("SKIP: the user nobody cannot read the code"); // prettier-ignore
  assert.match(run.stdout, /closed .*closed: permission denied/, run.stderr);
  assert.match(run.stdout, /good\.mp4/);
});

const LIST_ROWS = ["sub/a.mp4", "b.mp4"];
test("lists with other separators, capital columns, byte order marks, UTF-16, line breaks or NaN are read", async () => {
  const at = folder();
  const lists: Record<string, string | Buffer> = {
    "comma.csv": "path,label\nsub/a.mp4,x\nb.mp4,y\n",
    "semicolon.csv": '\ufeffVideo;Text\r\n"sub/a.mp4";x\r\nb.mp4;"a, b"\r\n',
    "capitals.csv": "id, PATH \n1,sub/a.mp4\n2,b.mp4",
    "tab.tsv": "path\tx\nsub/a.mp4\t1\nb.mp4\t2\n",
    "wide.csv": Buffer.from("\ufeffPath;x\r\nsub/a.mp4;1\r\nb.mp4;2\r\n", "utf16le"),
    "wide_without_mark.csv": Buffer.from("path;x\r\nsub/a.mp4;1\r\nb.mp4;2\r\n", "utf16le"),
    "mark.jsonl": '\ufeff{"path":"sub/a.mp4"}\r\n\r\n{"Video":"b.mp4","score":NaN}',
    "wide.jsonl": Buffer.from('\ufeff{"path":"sub/a.mp4"}\r\n{"video":"b.mp4"}\r\n', "utf16le").swap16(),
    "strings.ndjson": '"sub/a.mp4"\n"b.mp4"\n',
    "list.json": '[{"path":"sub/a.mp4","x":-Infinity},"b.mp4"]',
    "list.txt": "sub/a.mp4\r\n\r\n  b.mp4  ",
    "ragged.csv": "path,label\nsub/a.mp4\nb.mp4,y,z\n",
    "address.csv": `path\n${pathToFileURL(join(at, "sub/a.mp4")).href}\nb.mp4\n`,
  };
  for (const [name, content] of Object.entries(lists)) {
    const path = file(at, name, content);
    assert.equal((await found(at, path)).names, [...LIST_ROWS].sort(), name);
  }
});

test("a broken row of a list is a failure with its place, and the other rows are used", async () => {
  const at = folder();
  const jsonl = file(
    at,
    "m.jsonl",
    '{"path":"a.mp4"}\nnull\n{"path":"x\n{}\n{"path":7}\n\0\0\0\n{"id":3,"name":"q"}\n{"path":"b.mp4"}',
  );
  const broken = await found(at, jsonl);
  assert.equal(broken.names, ["a.mp4", "b.mp4", "!m.jsonl:2", "!m.jsonl:3", "!m.jsonl:4", "!m.jsonl:5", "!m.jsonl:6", "!m.jsonl:7"]); // prettier-ignore
  assert.match(broken.errors[0].message, /m\.jsonl:2: it has no path or video field/);
  assert.match(broken.errors[1].message, /m\.jsonl:3: it is not JSON/);
  assert.match(broken.errors[5].message, /it has no path or video field, but id, name/);
  const csv = await found(at, file(at, "m.csv", "path,label\na.mp4,x\n,y\n"));
  assert.equal(csv.names, ["a.mp4", "!m.csv:3"]);
  assert.match(csv.errors[0].message, /m\.csv:3: it has no path/);
  const headless = await rejection(findInputs([file(at, "headless.csv", "a.mp4;1\nb.mp4;2\n")]));
  assert.is(headless.code, "ERR_MANIFEST");
  assert.match(headless.message, /its columns are "a\.mp4", "1"/);
});

test("the published lists of the field are read", async () => {
  const fixtures = new URL("../../fixtures/field/", import.meta.url);
  const at = folder();
  for (const name of ["manifest_bom.jsonl", "manifest_null.jsonl"])
    copyFileSync(new URL(name, fixtures), join(at, name));
  assert.equal((await found(at, join(at, "manifest_bom.jsonl"))).names, ["vendor.mp4"]);
  assert.equal((await found(at, join(at, "manifest_null.jsonl"))).names, ["!manifest_null.jsonl:1"]);
});

test("an address of an unknown kind is refused with one sentence; file:// is a path", async () => {
  const at = folder("a.mp4");
  for (const address of ["ftp://example.org/a.mp4?x=1", "gs://b/a.mp4", "rtsp://cam/1"]) {
    const error = await rejection(findInputs([join(at, "a.mp4"), address]));
    assert.is(error.code, "ERR_INVALID_ARGUMENT");
    assert.match(error.message, /is an address, and only files of this machine are opened: download it first/);
    assert.ok(error.message.includes(address), error.message);
  }
  const weights = await rejection(openWeights("https://example.org/s3d.pth"));
  assert.match(weights.message, /https:\/\/example\.org\/s3d\.pth is an address/);
  assert.equal((await found(at, pathToFileURL(join(at, "a.mp4")).href)).names, ["a.mp4"]);
  const list = file(at, "m.csv", "path\nftp://example.org/a.mp4\na.mp4\n");
  const { names, errors } = await found(at, list);
  assert.equal(names, ["a.mp4", "!" + relative(at, "ftp://example.org/a.mp4")]);
  assert.match(errors[0].message, /m\.csv:2: ftp:\/\/example\.org\/a\.mp4 is an address/);
  const all = await rejection(findInputs([file(at, "all.csv", "path\ngs://a\ngs://b\n")]));
  assert.is(all.code, "ERR_MANIFEST");
});

test("shards cover every item once", async () => {
  const { items } = await findInputs([folder("a.mp4", "b.mp4", "c.mp4")]);
  const shards = ["0/2", "1/2"].flatMap((shard) => takeShard(items, readShard(shard)));
  assert.equal(shards.map(({ path }) => path).sort(), items.map(({ path }) => path)); // prettier-ignore
});

test("opening a named pipe as a video or as weights does not wait for a writer", async () => {
  const at = folder();
  const pipe = join(at, "a.mp4");
  if (spawnSync("mkfifo", [pipe]).status !== 0) return console.log("SKIP: no mkfifo");
  const tiny = ["--model", "s3d-tiny", "--random-weights", "1"];
  for (const args of [
    ["inspect", pipe],
    ["extract", pipe, ...tiny, "--out", join(at, "out")],
  ]) {
    const child = spawn(process.execPath, [CLI, ...args], { stdio: ["ignore", "ignore", "pipe"] });
    let message = "";
    child.stderr.on("data", (chunk) => (message += chunk));
    const timer = setTimeout(() => child.kill("SIGKILL"), 15_000); // in case it waits forever
    const code = await new Promise((resolve) => child.on("close", resolve));
    clearTimeout(timer);
    assert.is(code, 1, message);
    assert.match(message, /expected a file|regular file/);
  }
});

test.run();
