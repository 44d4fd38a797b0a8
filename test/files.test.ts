// Durable files: whole or not at all, with everything that stands in the way.
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  closeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  appendDurably,
  createExclusive,
  DurableFile,
  moveDurably,
  writeAll,
  writeDurably,
  writeDurablyAsync,
} from "../dist/files.js";

const test = suite("files");
const root = mkdtempSync(join(tmpdir(), "videoclip-files-"));
test.after(() => rmSync(root, { recursive: true }));

const folder = () => mkdtempSync(join(root, "case-"));
const text = (path: string) => readFileSync(path, "utf8");

test("a file is replaced whole, from text, bytes or parts, and nothing else stays in the folder", async () => {
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

test("what fails on the way leaves the old file and no other", async () => {
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

test("a file is not there before it is committed, and discarding may be repeated", () => {
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

test("a link stays a link to the file that is replaced", async () => {
  const dir = folder();
  writeFileSync(join(dir, "real"), "old");
  symlinkSync("real", join(dir, "link"));
  writeDurably(join(dir, "link"), "new");
  assert.is(text(join(dir, "real")), "new");
  await writeDurablyAsync(join(dir, "link"), [Buffer.from("newer")]);
  assert.is(text(join(dir, "real")), "newer");
  assert.is(readlinkSync(join(dir, "link")), "real");
});

test("a pipe or a device is written to as it is", () => {
  const script = `import("./dist/files.js").then((f) => f.writeDurably("/dev/stdout", ["to ", "the pipe"]))`;
  const shell = ["-c", '"$0" -e "$1" | cat', process.execPath, script];
  assert.is(execFileSync("sh", shell, { encoding: "utf8" }), "to the pipe");
  writeDurably("/dev/null", "x");
});

test("exclusive creation refuses, appending adds, moving replaces", () => {
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

test("bytes go where they are told, or behind what was written last", () => {
  const path = join(folder(), "a");
  const file = openSync(path, "w");
  writeAll(file, Buffer.from("abcdef"));
  writeAll(file, Buffer.from("XY"), 2);
  writeAll(file, Buffer.from("gh"));
  closeSync(file);
  assert.is(text(path), "abXYefgh");
});

test.run();
