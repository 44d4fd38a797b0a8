// An index on disk says the same as records in memory, whatever was written before; damaged, missing and foreign files
// of it are noticed, and it is made again.
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Random } from "#lib/base/random.js";
import { entryOf } from "#lib/records/feature_manifest.js";
import { readManifests } from "#lib/records/read_manifests.js";
import { RecordIndex } from "#lib/records/record_index.js";
import { refused } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { addLines, expectedRecords } from "./random_history.js";

const test = suite("record index");
const root = temporaryFolder("records");
let cases = 0;

function folderOf(seed: number, lines = 40) {
  const folder = join(root, `case-${cases++}`);
  mkdirSync(folder);
  addLines(folder, new Random(seed), lines);
  return folder;
}

/** Limits with which records are in tables, and chunks that make several runs. */
const tables = { limits: { bytes: 0, records: 0 }, chunk: 1000 };

/** Compares everything that an index says with plain loops over all lines. */
function checkIndex(index: RecordIndex, about = ""): void {
  const { current, broken, paths, files } = expectedRecords(index.folder);
  const place = ({ manifest, at, path }: { manifest: string; at: number; path: string }) => ({ manifest, at, path });
  const inOrder = [...index.inOrder()];
  assert.equal(inOrder.map(({ path }) => path), current.map(({ path }) => path), about); // prettier-ignore
  assert.is(index.size, current.length, about);
  assert.is(index.broken.count, broken, about);
  const settings = (all: object[]) => [...new Set(all.map((one) => JSON.stringify(one)))].sort();
  assert.equal(settings(index.settings), settings(current.map((one) => one.settings)));
  for (const [i, record] of current.entries()) {
    const found = index.get(record.path)!;
    assert.equal(place(found), place(inOrder[i]), about);
    const { part, position, ...line } = record;
    assert.equal(entryOf(found), line, `${about} ${part}:${position}`);
    const { path, file, clips, source, settings } = record;
    assert.equal([found.path, found.file, found.clips, found.partial], [path, file, clips, record.partial === true]);
    assert.equal([found.source, found.settings, found.movedFrom], [source, settings, record.moved_from ?? []]);
    assert.is(found.finishedAt, record.finished_at);
  }
  const byPath = new Map(current.map((record) => [record.path, record]));
  for (const path of [...paths, "/v/none.mp4", ""]) assert.is(index.get(path)?.file, byPath.get(path)?.file, about);
  const byFile = new Map(current.map((record) => [record.file, record.path]));
  for (const file of [...files, "none.npy"]) assert.is(index.ownerOf(file)?.path, byFile.get(file), `${about} ${file}`);
  const sorted = (records: Iterable<{ path: string }>) => [...records].map(({ path }) => path).sort();
  for (let bytes = -1; bytes <= 20; bytes++)
    assert.equal(sorted(index.ofSize(bytes)), sorted(current.filter(({ source }) => source?.bytes === bytes)), about);
  for (let name = 0; name <= 30; name++) {
    for (const claim of [`video${name}`, `video${name}-1`]) {
      const claimed = current.filter(({ path, file }) => [path.slice(path.lastIndexOf("/") + 1, -4), file.slice(0, -4)].some((one) => one.toLowerCase() === claim)); // prettier-ignore
      assert.equal(sorted(index.claimants(claim)), sorted(claimed), `${about} ${claim}`);
    }
  }
}

test("an index in memory, one in tables, and the list of all records agree with plain loops over all lines", async () => {
  for (let seed = 0; seed < 12; seed++) {
    const folder = folderOf(seed, 10 + 15 * seed);
    const index = await RecordIndex.open(folder);
    assert.not.ok(index.isOnDisk);
    checkIndex(index, `memory ${seed}`);
    assert.not.ok(existsSync(join(folder, ".index")), "a small folder has no files of an index");
    const onDisk = await RecordIndex.open(folder, tables);
    assert.ok(onDisk.isOnDisk);
    checkIndex(onDisk, `tables ${seed}`);
    onDisk.close();
    const { current } = expectedRecords(folder);
    const { records } = readManifests(folder);
    assert.equal([...records.keys()].sort(), current.map(({ path }) => path).sort());
  }
});

test("what is added later is found, in memory beside the tables and in tables made from those before", async () => {
  for (let seed = 0; seed < 8; seed++) {
    const folder = folderOf(seed);
    const random = new Random(seed, 1);
    const one = await RecordIndex.open(folder, { limits: { bytes: 1e6, records: 25 }, chunk: 1000 });
    const other = await RecordIndex.open(folder, { ...tables, limits: { bytes: 2000, records: 1000 } });
    for (let round = 0; round < 8; round++) {
      addLines(folder, random, random.integer(0, 12));
      await one.refresh();
      checkIndex(one, `one ${seed} ${round}`);
      if (random.coin()) continue;
      await other.refresh();
      checkIndex(other, `other ${seed} ${round}`);
    }
    one.close();
    other.close();
    const generations = readdirSync(join(folder, ".index")).filter((name) => name !== "state.json");
    assert.is(generations.length, 1, `old generations are removed: ${generations.join()}`);
    checkIndex(await RecordIndex.open(folder, { limits: { bytes: 1e6, records: 1e6 } }), `again ${seed}`);
  }
});

test("an unfinished last line is read once it is complete", async () => {
  const folder = folderOf(1);
  const path = join(folder, "manifest.jsonl");
  const line = JSON.stringify({ path: "/v/late.mp4", file: "late.npy", clips: 1, timestamps: [[0, 1]], settings: {}, finished_at: "2027" }); // prettier-ignore
  appendFileSync(path, line.slice(0, 40));
  const index = await RecordIndex.open(folder, { ...tables, limits: { bytes: 100, records: 10 } });
  assert.is(index.get("/v/late.mp4"), undefined);
  appendFileSync(path, line.slice(40));
  await index.refresh();
  assert.is(index.get("/v/late.mp4"), undefined);
  appendFileSync(path, "\n");
  await index.refresh();
  assert.is(index.get("/v/late.mp4")?.file, "late.npy");
  assert.equal(entryOf(index.get("/v/late.mp4")!), JSON.parse(line));
});

test("a part that was cut, replaced, edited or removed is noticed, and the index is made again", async () => {
  const changes: ((path: string) => void)[] = [
    (path) => truncateSync(path, statSync(path).size >> 1),
    (path) => rmSync(path),
    (path) => writeFileSync(path, readFileSync(path, "utf8").split("\n").slice(1).join("\n")),
    (path) => renameSync(path, path.replace("manifest", "manifest.renamed")),
    (path) => writeFileSync(path, readFileSync(path, "utf8").replaceAll(".mp4", ".mkv")),
    (path) => writeFileSync(path, `${readFileSync(path, "utf8").split("\n")[0]}\n${"x".repeat(1e5)}\n`),
  ];
  for (const [i, change] of changes.entries()) {
    for (const limits of [tables.limits, undefined]) {
      const folder = folderOf(i, 60);
      const index = await RecordIndex.open(folder, { ...tables, limits });
      change(join(folder, "manifest.worker-a.jsonl"));
      await index.refresh();
      checkIndex(index, `refresh ${i}`);
      index.close();
      checkIndex(await RecordIndex.open(folder, { limits }), `open ${i}`);
    }
  }
});

test("tables and states that are cut, missing, foreign or of another folder are noticed, and made again", async () => {
  const inTables = (folder: string, name: string) => {
    const home = join(folder, ".index");
    return join(home, JSON.parse(readFileSync(join(home, "state.json"), "utf8")).generation, name);
  };
  const flip = (path: string, at: number) => {
    const bytes = readFileSync(path);
    bytes[at < 0 ? bytes.length + at : at] ^= 1;
    writeFileSync(path, bytes);
  };
  const changes: ((folder: string) => void)[] = [
    (folder) => truncateSync(inTables(folder, "paths"), 100),
    (folder) => rmSync(inTables(folder, "marks")),
    (folder) => appendFileSync(inTables(folder, "marks"), "x"),
    (folder) => flip(inTables(folder, "paths"), -1),
    (folder) => flip(inTables(folder, "paths"), -40),
    (folder) => writeFileSync(inTables(folder, "marks"), readFileSync(inTables(folder, "marks")).fill(0)),
    (folder) => truncateSync(join(folder, ".index", "state.json"), 50),
    (folder) => writeFileSync(join(folder, ".index", "state.json"), "{}"),
    (folder) => writeFileSync(join(folder, ".index", "state.json"), "null"),
    (folder) => rmSync(join(folder, ".index"), { recursive: true }),
    (folder) => rmSync(join(folder, ".index", "state.json")),
  ];
  for (const [i, change] of changes.entries()) {
    const folder = folderOf(i, 80);
    (await RecordIndex.open(folder, tables)).close();
    change(folder);
    const index = await RecordIndex.open(folder, tables);
    checkIndex(index, `change ${i}`);
    assert.ok(index.isOnDisk);
  }
  // the index of another folder, and the same one in a copy of its folder
  const [one, two] = [folderOf(1, 50), folderOf(2, 50)];
  for (const folder of [one, two]) (await RecordIndex.open(folder, tables)).close();
  rmSync(join(two, ".index"), { recursive: true });
  renameSync(join(one, ".index"), join(two, ".index"));
  checkIndex(await RecordIndex.open(two, tables), "foreign");
  const moved = join(root, "moved");
  renameSync(two, moved);
  const before = readFileSync(join(moved, ".index", "state.json"), "utf8");
  checkIndex(await RecordIndex.open(moved, { limits: { bytes: 0, records: 0 } }), "moved");
  assert.is(readFileSync(join(moved, ".index", "state.json"), "utf8"), before, "an index moves with its folder");
});

test("a damaged block is an error that says what to do, not a wrong record", async () => {
  const folder = folderOf(3, 100);
  (await RecordIndex.open(folder, tables)).close();
  const [generation] = readdirSync(join(folder, ".index")).filter((name) => name !== "state.json");
  const path = join(folder, ".index", generation, "paths");
  const bytes = readFileSync(path);
  bytes[200] ^= 1;
  writeFileSync(path, bytes);
  const index = await RecordIndex.open(folder, tables);
  await refused(() => [...index.inOrder()], /has a damaged block: delete its folder/, "ERR_INDEX_DAMAGED");
});

test("a folder that cannot be written to has its index in a temporary folder", async () => {
  if (!existsSync("/sys/kernel")) return console.log("SKIP there is no folder that takes no files");
  const folder = folderOf(4);
  symlinkSync("/sys/kernel", join(folder, ".index")); // takes no files
  const notes: string[] = [];
  const index = await RecordIndex.open(folder, { ...tables, onNote: (note) => notes.push(note) });
  assert.ok(index.isOnDisk);
  checkIndex(index);
  addLines(folder, new Random(5), 20);
  await index.refresh();
  checkIndex(index);
  assert.match(notes.join(), /cannot be written to: the index of its records is in .*videoclip-index-/);
  const taken = folderOf(5);
  writeFileSync(join(taken, ".index"), "a file");
  await refused(RecordIndex.open(taken, tables), /\.index: cannot be written .*something else has this name/, "ERR_WRITE"); // prettier-ignore
});

test("the number of broken lines is kept, but not each of them", async () => {
  const folder = folderOf(6, 20);
  appendFileSync(join(folder, "manifest.jsonl"), "x\n".repeat(5000));
  for (const limits of [tables.limits, undefined]) {
    const index = await RecordIndex.open(folder, { limits });
    assert.ok(index.broken.count >= 5000);
    assert.is(index.broken.first.length, 100);
    assert.match(index.broken.first[99].place, /manifest\.jsonl:\d+$/);
  }
});

test("a path that UTF-8 cannot hold is no record", async () => {
  const folder = join(root, "half");
  mkdirSync(folder);
  const line = '{"path":"/v/\\ud800.mp4","file":"a.npy","clips":0,"timestamps":[],"settings":{}}\n';
  writeFileSync(join(folder, "manifest.jsonl"), line);
  const index = await RecordIndex.open(folder);
  assert.equal([index.size, index.broken.count], [0, 1]);
});

test.run();
