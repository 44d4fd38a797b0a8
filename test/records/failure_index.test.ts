// Failures in a table on disk are the same as failures in memory, and the table is gone when it is closed.
import { appendFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Random } from "#lib/base/random.js";
import { FailureIndex } from "#lib/records/failure_index.js";
import { PartList } from "#lib/records/part_list.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("failure index");
const root = temporaryFolder("failures");

const NAMES = ["failures.0-of-2.jsonl", "failures.jsonl", "failures.worker-a.jsonl"];

function addFailures(folder: string, random: Random, count: number): void {
  for (let i = 0; i < count; i++) {
    const code = random.integer(0, 9) === 0 ? "ERR_DECODER_MISSING" : "ERR_VIDEO_CORRUPT";
    const entry = { path: `/v/${random.integer(0, 60)}.mp4`, code, reason: `r${random.uint32()}`, failed_at: "2026" };
    const text = random.integer(0, 9) === 0 ? "torn\n" : `${JSON.stringify(entry)}\n`;
    appendFileSync(join(folder, NAMES[random.integer(0, 2)]), text);
  }
}

test("both agree on random failures, also those that are added, withdrawn and read again", async () => {
  for (let seed = 0; seed < 8; seed++) {
    const folder = join(root, String(seed));
    mkdirSync(folder);
    const random = new Random(seed);
    for (const name of NAMES) writeFileSync(join(folder, name), "");
    addFailures(folder, random, 200);
    const home = join(folder, ".index");
    const isIgnored = (code: string) => code === "ERR_DECODER_MISSING";
    const parts = await PartList.open(folder);
    const inMemory = await FailureIndex.open(folder, { parts, home, isIgnored });
    const onDisk = await FailureIndex.open(folder, { parts, home, isIgnored, limit: 500 });
    const all = (index: FailureIndex) => Array.from({ length: 62 }, (_, i) => index.get(`/v/${i}.mp4`));
    const check = () => {
      assert.equal(all(onDisk), all(inMemory));
      assert.equal([...onDisk.inOrder()], [...inMemory.inOrder()]);
      const paths = [...onDisk.inOrder()].map(({ path }) => path);
      assert.equal(paths, [...paths].sort());
    };
    check();
    assert.ok(all(onDisk).some(Boolean) && !all(onDisk).some((one) => one?.code === "ERR_DECODER_MISSING"));
    for (let round = 0; round < 5; round++) {
      addFailures(folder, random, random.integer(0, 20));
      if (round === 3) rmSync(join(folder, NAMES[1]));
      for (const index of [onDisk, inMemory]) await index.refresh();
      check();
    }
    for (let i = 0; i < 5; i++) {
      for (const index of [onDisk, inMemory]) {
        const isThere = index.get(`/v/${i}.mp4`) !== undefined;
        assert.is(index.withdraw(`/v/${i}.mp4`), isThere);
        assert.is(index.get(`/v/${i}.mp4`), undefined);
        assert.not.ok(index.withdraw(`/v/${i}.mp4`), "once");
        index.add({ path: `/v/${50 + i}.mp4`, code: "ERR_NEW", reason: "r", failed_at: "2027" });
      }
      check();
    }
    onDisk.clear();
    assert.ok(onDisk.isEmpty);
    onDisk.close();
    assert.equal(existsSync(home) ? readdirSync(home) : [], [], "nothing is left");
  }
});

test.run();
