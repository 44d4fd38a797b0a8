// A file gets a second name, and a copy where links are impossible; what has that name is replaced at once.
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { linkDurably, linkOrCopy } from "#lib/base/link_file.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("links of files");

test("the second name is the same file, also in place of another one and of itself", () => {
  const folder = temporaryFolder("links");
  const [from, to] = [join(folder, "from"), join(folder, "to")];
  writeFileSync(from, "new");
  writeFileSync(to, "old");
  for (let i = 0; i < 2; i++) {
    linkDurably(from, to);
    assert.is(statSync(from).ino, statSync(to).ino);
    assert.equal(readdirSync(folder).sort(), ["from", "to"]);
  }
  writeFileSync(join(folder, "third"), "third");
  linkOrCopy(from, join(folder, "third"));
  assert.is(statSync(from).ino, statSync(join(folder, "third")).ino);
});

test("what a killed process left is no obstacle", () => {
  const folder = temporaryFolder("links");
  const [from, to] = [join(folder, "from"), join(folder, "to")];
  writeFileSync(from, "new");
  writeFileSync(`${to}.tmp`, "half");
  linkDurably(from, to);
  assert.is(readFileSync(to, "utf8"), "new");
  assert.equal(readdirSync(folder).sort(), ["from", "to"]);
});

test("a file on another disk is copied", () => {
  const [here, memory] = [temporaryFolder("links"), "/dev/shm"];
  const there = statSync(memory, { throwIfNoEntry: false })?.dev;
  if (there === undefined || there === statSync(here).dev) {
    process.stdout.write("SKIP: there is no second disk\n");
    return;
  }
  const from = join(temporaryFolder("links"), "from");
  const to = join(memory, `videoclip-link-${process.pid}`);
  mkdirSync(to);
  try {
    writeFileSync(from, Buffer.alloc(20 << 20, 7));
    linkDurably(from, join(to, "copy"));
    assert.ok(readFileSync(from).equals(readFileSync(join(to, "copy"))));
    assert.equal(readdirSync(to), ["copy"]);
  } finally {
    rmSync(to, { recursive: true });
  }
});

test.run();
