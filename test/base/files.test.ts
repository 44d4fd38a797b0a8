// A durable file is written completely or not at all, despite every kind of obstacle.
import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
  closeSync,
} from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  appendDurably,
  createExclusive,
  DurableFile,
  makeFolder,
  moveDurably,
  removeFile,
  removeIfPossible,
  writeAll,
  writeDurably,
  writeDurablyAsync,
} from "#lib/base/files.js";
import type { VideoClipError } from "#lib/base/errors.js";
import { faultyDisk } from "../support/faulty_disk.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("files");
const root = temporaryFolder("files");

const folder = () => mkdtempSync(join(root, "case-"));
const text = (path: string) => readFileSync(path, "utf8");

test("a file is replaced completely, from text, bytes or parts, and the folder has no other file", async () => {
  const dir = folder();
  const path = join(dir, "a.txt");
  for (const content of ["first", Buffer.from("second"), ["th", Buffer.from("ird"), ""], ""]) {
    writeDurably(path, content);
    const expected = Array.isArray(content) ? content.join("") : content.toString();
    assert.is(text(path), expected);
    assert.equal(readdirSync(dir), ["a.txt"]);
  }
  await writeDurablyAsync(path, [Buffer.from("x"), Buffer.from("yz")]);
  assert.is(text(path), "xyz");
  async function* chunks() {
    yield Buffer.from("later");
  }
  await writeDurablyAsync(path, chunks());
  assert.is(text(path), "later");
  assert.equal(readdirSync(dir), ["a.txt"]);
});

test("a failure while writing leaves the old file and no other", async () => {
  const dir = folder();
  const path = join(dir, "a.txt");
  writeDurably(path, "old");
  function* broken() {
    yield Buffer.from("half");
    throw new Error("no more");
  }
  assert.throws(() => writeDurably(path, broken()), /no more/);
  const error = await writeDurablyAsync(path, broken()).catch((e: Error) => e);
  assert.match((error as Error).message, /no more/);
  assert.is(text(path), "old");
  assert.equal(readdirSync(dir), ["a.txt"]);
  mkdirSync(join(dir, "taken"));
  assert.throws(() => writeDurably(join(dir, "taken"), "x"), /EISDIR|EPERM|ENOTEMPTY|EEXIST/);
  assert.throws(() => writeDurably(join(dir, "missing", "a"), "x"), /ENOENT/);
  assert.equal(readdirSync(dir).sort(), ["a.txt", "taken"]);
});

test("a file does not exist before it is committed, and discarding may be repeated", () => {
  const dir = folder();
  const path = join(dir, "rows.npy");
  const file = new DurableFile(path, join(dir, ".tmp-rows"));
  file.write("....tail");
  file.write("head", 0);
  assert.equal(readdirSync(dir), [".tmp-rows"]);
  file.commit();
  assert.is(text(path), "headtail");
  file.discard(); // nothing is left to remove
  assert.equal(readdirSync(dir), ["rows.npy"]);
  const other = new DurableFile(path);
  other.write("x");
  other.discard();
  other.discard();
  assert.is(text(path), "headtail");
  assert.equal(readdirSync(dir), ["rows.npy"]);
});

test("files that are committed together exist afterwards, except those that the system refuses", async () => {
  const dir = folder();
  mkdirSync(join(dir, "sub"));
  mkdirSync(join(dir, "taken"));
  writeFileSync(join(dir, "taken/inside"), "");
  const names = ["a", "sub/b", "taken", "c"];
  const files = names.map((name) => new DurableFile(join(dir, name), join(dir, `.tmp-${name.replace("/", "-")}`)));
  files.forEach((file, i) => file.write(`content ${i}`));
  const faults = (await DurableFile.commitAll(files)) as (VideoClipError | undefined)[];
  assert.equal(faults.map((fault) => fault?.code), [undefined, undefined, "ERR_WRITE", undefined]); // prettier-ignore
  assert.match(faults[2]!.message, /taken: cannot be written \(E/);
  files[2].discard();
  assert.equal(readdirSync(dir).sort(), ["a", "c", "sub", "taken"]);
  assert.equal([text(join(dir, "a")), text(join(dir, "sub/b")), text(join(dir, "c"))], ["content 0", "content 1", "content 3"]); // prettier-ignore
  assert.equal(await DurableFile.commitAll([]), []);
});

test("a link still leads to the file that is replaced", async () => {
  const dir = folder();
  writeFileSync(join(dir, "real"), "old");
  symlinkSync("real", join(dir, "link"));
  writeDurably(join(dir, "link"), "new");
  assert.is(text(join(dir, "real")), "new");
  await writeDurablyAsync(join(dir, "link"), [Buffer.from("newer")]);
  assert.is(text(join(dir, "real")), "newer");
  assert.is(readlinkSync(join(dir, "link")), "real");
});

test("a pipe or a device is written to directly", () => {
  const script = `import("./dist/base/files.js").then((f) => f.writeDurably("/dev/stdout", ["to ", "the pipe"]))`;
  const shell = ["-c", '"$0" -e "$1" | cat', process.execPath, script];
  assert.is(execFileSync("sh", shell, { encoding: "utf8" }), "to the pipe");
  writeDurably("/dev/null", "x");
});

test("exclusive creation refuses an existing file, appending adds to it, moving replaces it", () => {
  const dir = folder();
  const path = join(dir, "lock");
  createExclusive(path, "mine");
  let code;
  try {
    createExclusive(path, "theirs");
  } catch (error) {
    code = (error as NodeJS.ErrnoException).code;
  }
  assert.is(code, "EEXIST");
  assert.is(text(path), "mine");
  appendDurably(join(dir, "log"), "one\n");
  appendDurably(join(dir, "log"), Buffer.from("two\n"));
  assert.is(text(join(dir, "log")), "one\ntwo\n");
  moveDurably(path, join(dir, "log"));
  assert.is(text(join(dir, "log")), "mine");
  assert.not.ok(existsSync(path));
});

test("bytes are written at a given position, or after the last ones", () => {
  const path = join(folder(), "a");
  const file = openSync(path, "w");
  writeAll(file, Buffer.from("abcdef"));
  writeAll(file, Buffer.from("XY"), 2);
  writeAll(file, Buffer.from("gh"));
  closeSync(file);
  assert.is(text(path), "abXYefgh");
});

/** The error that a call throws. */
function thrown(work: () => unknown): VideoClipError {
  try {
    work();
  } catch (error) {
    return error as VideoClipError;
  }
  throw new Error("nothing was thrown");
}

test("an error of the system has the path, the reason and one code", async () => {
  const dir = folder();
  writeFileSync(join(dir, "file"), "");
  for (const [work, code] of [
    [() => writeDurably(join(dir, "no/a"), "x"), "ENOENT"],
    [() => writeDurably(join(dir, "file/a"), "x"), "ENOTDIR"],
    [() => new DurableFile(join(dir, "no/a")), "ENOENT"],
    [() => appendDurably(dir, "x"), "EISDIR"],
    [() => createExclusive(join(dir, "no/a"), "x"), "ENOENT"],
    [() => moveDurably(join(dir, "no"), join(dir, "b")), "ENOENT"],
    [() => makeFolder(join(dir, "file")), "EEXIST"],
    [() => makeFolder(join(dir, "file/a/b")), "ENOTDIR"],
  ] as const) {
    const error = thrown(work);
    assert.is(error.code, "ERR_WRITE", String(work));
    assert.ok(error.message.startsWith(dir) && error.message.includes(`cannot be written (${code}): `), error.message);
    assert.is((error.details.cause as NodeJS.ErrnoException).code, code);
  }
  const kept = thrown(() => removeFile(dir));
  assert.is(kept.code, "ERR_WRITE");
  assert.match(kept.message, /cannot be removed \(/);
  removeIfPossible(dir);
  const late = await writeDurablyAsync(join(dir, "no/a"), ["x"]).catch((error) => error);
  assert.is(late.code, "ERR_WRITE");
});

test("folders are made with those above them, but not in a file system that permits no writing", () => {
  const dir = folder();
  makeFolder(join(dir, "a/b/c"));
  makeFolder(join(dir, "a/b/c"));
  assert.equal(readdirSync(join(dir, "a/b")), ["c"]);
  symlinkSync("a", join(dir, "link"));
  makeFolder(join(dir, "link/d"));
  assert.equal(readdirSync(join(dir, "a")).sort(), ["b", "d"]);
  if (!existsSync("/proc/self")) return console.log("SKIP: no /proc here");
  // Node's recursive mkdir does not return for this path
  for (const path of ["/proc/x", "/proc/x/y/z"]) assert.match(thrown(() => makeFolder(path)).message, /ENOENT/);
});

test("an address is refused as a folder", () => {
  for (const address of ["s3://bucket/x", "https://example.org/x", "file:///tmp/x"]) {
    assert.is(thrown(() => makeFolder(address)).code, "ERR_INVALID_ARGUMENT");
    assert.not.ok(existsSync(address.split("/")[0]));
  }
});

test("a name that nearly fills a file system's limit can be written", async () => {
  const dir = folder();
  const name = "x".repeat(255);
  writeDurably(join(dir, name), "one");
  await writeDurablyAsync(join(dir, name), ["two"]);
  assert.equal(readdirSync(dir), [name]);
  assert.is(text(join(dir, name)), "two");
});

test("temporary files are removed at the end of the process", () => {
  const dir = folder();
  for (const end of ["process.exit(3)", "setTimeout(() => { throw new Error('bug') })"]) {
    const script = `import("./dist/base/files.js").then((f) => { new f.DurableFile(${JSON.stringify(join(dir, "a"))}).write("x"); ${end} })`;
    assert.is.not(spawnSync(process.execPath, ["-e", script]).status, 0);
    assert.equal(readdirSync(dir), [], end);
  }
});

test("on a full disk no file is truncated, no temporary file is left, and old files are unchanged", () => {
  const disk = faultyDisk(root);
  if (!disk) return console.log("SKIP: no C compiler");
  const dir = folder();
  writeFileSync(join(dir, "log"), "one\n");
  writeFileSync(join(dir, "old"), "old");
  const script = `import("./dist/base/files.js").then(async (f) => {
    const dir = ${JSON.stringify(dir)};
    const codes = [];
    const attempt = async (work) => { try { await work(); codes.push("ok"); } catch (error) { codes.push(error.code); } };
    await attempt(() => f.appendDurably(dir + "/log", "two\\n"));
    await attempt(() => f.appendDurably(dir + "/log", "x".repeat(200)));
    await attempt(() => f.appendDurablyAsync(dir + "/log", "x".repeat(200)));
    await attempt(() => f.writeDurably(dir + "/old", "x".repeat(200)));
    await attempt(() => f.writeDurablyAsync(dir + "/old", ["x".repeat(200)]));
    console.log(codes.join());
  })`;
  const run = spawnSync(process.execPath, ["-e", script], { env: disk({ under: dir, bytes: 100 }), encoding: "utf8" });
  assert.is(run.stdout, "ok,ERR_WRITE,ERR_WRITE,ERR_WRITE,ERR_WRITE\n", run.stderr);
  assert.is(text(join(dir, "log")), "one\ntwo\n");
  assert.is(text(join(dir, "old")), "old");
  assert.equal(readdirSync(dir).sort(), ["log", "old"]);
});

test("a file system that cannot sync folders is usable; a failed sync of a file is an error", () => {
  const disk = faultyDisk(root);
  if (!disk) return console.log("SKIP: no C compiler");
  for (const [sync, expected] of [
    ["folder", "ok,ok,ok\n"],
    ["file", "ERR_WRITE,ERR_WRITE,ERR_WRITE\n"],
  ] as const) {
    const dir = folder();
    const script = `import("./dist/base/files.js").then(async ({ writeDurably, appendDurablyAsync, DurableFile, makeFolder }) => {
      const dir = ${JSON.stringify(join(dir, "new"))};
      const codes = [];
      const attempt = async (work) => { try { await work(); codes.push("ok"); } catch (error) { codes.push(error.code); } };
      makeFolder(dir);
      await attempt(() => writeDurably(dir + "/a", "x"));
      await attempt(() => appendDurablyAsync(dir + "/log", "x"));
      await attempt(async () => {
        const [fault] = await DurableFile.commitAll([new DurableFile(dir + "/b")]);
        if (fault) throw fault;
      });
      console.log(codes.join());
    })`;
    const run = spawnSync(process.execPath, ["-e", script], { env: disk({ under: dir, sync }), encoding: "utf8" });
    assert.is(run.stdout, expected, run.stderr);
  }
});

test.run();
