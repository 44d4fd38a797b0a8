// Archives are read as other tools write them, written so that other tools read them, and broken ones are refused.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packTar, unpackTar } from "modern-tar";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ByteFile } from "#lib/weights/byte_file.js";
import { readTar, tarEnd, tarEntryBytes, tarHeader, tarPadding } from "#lib/weights/tar.js";
import { isError } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("tar archives");
const root = temporaryFolder("tar");
let count = 0;
const written = (bytes: Uint8Array): string => {
  const path = join(root, `${count++}.tar`);
  writeFileSync(path, bytes);
  return path;
};

/** Names and contents of the files in an archive. */
function contents(path: string): [string, string][] {
  const file = new ByteFile(path);
  try {
    return [...readTar(file)].map(({ name, offset, size }) => [name, Buffer.from(file.read(offset, size)).toString()]);
  } finally {
    file.close();
  }
}

const archive = (files: readonly (readonly [string, string])[]): Buffer =>
  Buffer.concat([
    ...files.flatMap(([name, text]) => [tarHeader(name, text.length), Buffer.from(text), tarPadding(text.length)]),
    tarEnd(),
  ]);

const FILES = [
  ["a.npy", "x".repeat(512)],
  ["a.json", "{}"],
  [`${"long".repeat(25)}`, ""],
] as const;

test("other readers read what is written, and the bytes are counted", async () => {
  const bytes = archive(FILES);
  const sizes = FILES.reduce((sum, [, text]) => sum + tarEntryBytes(text.length), tarEnd().length);
  assert.is(bytes.length, sizes);
  const read = await unpackTar(bytes);
  assert.equal(read.map(({ header, data }) => [header.name, Buffer.from(data!).toString()]), FILES); // prettier-ignore
  assert.equal(contents(written(bytes)), FILES);
  const listed = spawnSync("tar", ["--utc", "--full-time", "-tvf", written(bytes)], { encoding: "utf8" });
  if (listed.error) return void process.stdout.write("SKIP tar archives: there is no tar\n");
  assert.is(listed.status, 0, listed.stderr);
  assert.match(listed.stdout, /^-rw-r--r-- 0\/0 +512 1980-01-01 00:00:00 a\.npy\n/);
});

test("names of any length by other writers are read", async () => {
  const names = [
    "short",
    `${"folder/".repeat(20)}end.npy`,
    `${"ü".repeat(120)}.npy`,
    "x".repeat(300),
    `a\nline${"b".repeat(120)}`,
  ];
  const files = names.map((name, i) => [name, `content ${i}`] as [string, string]);
  const packed = await packTar(files.map(([name, body]) => ({ header: { name, size: body.length }, body })));
  assert.equal(contents(written(packed)), files);
  const folder = join(root, "tree");
  mkdirSync(folder);
  const short = names.filter((name) => Buffer.byteLength(name) < 250 && !name.includes("/"));
  for (const name of [...short, "y".repeat(150)]) writeFileSync(join(folder, name), name);
  for (const format of ["gnu", "pax", "ustar"]) {
    const path = join(root, `${format}.tar`);
    const made = spawnSync("tar", [`--format=${format}`, "--sort=name", "-cf", path, "-C", root, "tree"]);
    if (made.status !== 0) continue; // ustar has no names of this length
    const read = contents(path);
    assert.ok(read.length === short.length + 1 && read.every(([name, text]) => name === `tree/${text}`), format);
  }
});

test("an entry of 8 GiB has its size in the header", () => {
  const header = Buffer.from(tarHeader("a", 2 ** 33));
  assert.is(header.readBigUInt64BE(128), 2n ** 33n);
  assert.is(Buffer.from(tarHeader("a", 2 ** 33 - 1)).toString("latin1", 124, 136), "77777777777\0");
});

test("broken archives are refused with the place", () => {
  const good = archive(FILES);
  const refuses = (bytes: Uint8Array, message: RegExp) =>
    assert.throws(() => contents(written(bytes)), isError("ERR_WEIGHTS", message));
  refuses(good.subarray(0, 700), /reaches beyond the archive: it is cut off|512 bytes/);
  refuses(good.subarray(0, 1100), /cut off in a header \(byte 1024\)/);
  refuses(Buffer.from("no archive".repeat(100)), /no header of a tar archive \(byte 0\)/);
  const changed = Buffer.from(good);
  changed[3] ^= 1;
  refuses(changed, /no header of a tar archive/);
  const huge = Buffer.from(tarHeader("a", 2 ** 40));
  refuses(huge, /1099511627776 bytes reaches beyond/);
});

test("an archive without its end has the files before it", () => {
  const bytes = archive(FILES);
  assert.equal(contents(written(bytes.subarray(0, bytes.length - 1024))), FILES);
  assert.equal(contents(written(new Uint8Array())), []);
  assert.ok(readFileSync(join(root, "0.tar")).length > 0);
});

test.run();
