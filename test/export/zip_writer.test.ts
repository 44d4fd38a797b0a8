// Archives of more entries than 16 bits count are whole, and equal contents give equal bytes.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DurableFile } from "#lib/base/files.js";
import { Spool } from "#lib/export/output_files.js";
import { ZipWriter } from "#lib/export/zip_writer.js";
import { ByteFile } from "#lib/weights/byte_file.js";
import { readZip } from "#lib/weights/zip.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("zip archives");
const root = temporaryFolder("zip");

function write(name: string, entries: number): string {
  const path = join(root, name);
  const file = new DurableFile(path);
  const spool = new Spool(`${path}.spool`);
  const zip = new ZipWriter(file, spool);
  for (let i = 0; i < entries; i++) {
    const text = Buffer.from(`content ${i}`);
    zip.add(`entry-${i}`, text.length, [text.subarray(0, 3), text.subarray(3)]);
  }
  zip.finish();
  spool.remove();
  file.commit();
  return path;
}

for (const entries of [0, 1, 65_534, 65_535, 70_000]) {
  test(`${entries} entries`, () => {
    const path = write(`${entries}.zip`, entries);
    const file = new ByteFile(path);
    const read = readZip(file, [0]);
    assert.is(read.size, entries);
    for (const i of [0, entries - 1].filter((one) => one >= 0 && entries > 0)) {
      const { offset, size } = read.get(`entry-${i}`)!;
      assert.is(Buffer.from(file.read(offset, size)).toString(), `content ${i}`);
    }
    file.close();
    const code = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); print(len(z.namelist()), z.testzip())";
    const python = spawnSync("python3", ["-c", code, path], { encoding: "utf8" });
    if (python.error) process.stdout.write("SKIP zip archives: there is no python3\n");
    else assert.is(python.stdout, `${entries} None\n`, python.stderr);
  });
}

test("equal contents have equal bytes, and the directory's file is removed", () => {
  assert.ok(readFileSync(write("a.zip", 10)).equals(readFileSync(write("b.zip", 10))));
  assert.equal(readdirSync(root).filter((name) => !name.endsWith(".zip")), []); // prettier-ignore
});

test.run();
