// A table has all rows in the order of their keys, however they were sorted; every lookup and range agrees with a list in
// memory, and a file that is cut or changed is no table.
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Random } from "#lib/base/random.js";
import { RowSorter } from "#lib/records/row_sorter.js";
import { SortedTable, TableWriter } from "#lib/records/sorted_table.js";
import { isError } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("sorted table");
const root = temporaryFolder("tables");
let cases = 0;

/** Sorts rows into a table. */
function tableOf(rows: readonly (readonly [Buffer, Buffer])[], chunk: number): SortedTable {
  const path = join(root, `table-${cases++}`);
  const sorter = new RowSorter(`${path}.runs`, chunk);
  for (const [key, value] of rows) sorter.add(key, value);
  const writer = new TableWriter(path);
  for (const { key, value } of sorter.sorted()) writer.add(key, value);
  const { bytes, rows: count } = writer.finish();
  sorter.dispose();
  assert.is(count, rows.length);
  assert.is(readFileSync(path).length, bytes);
  return new SortedTable(path);
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

test("rows of random keys are found, alone, by prefix and from a key on, whatever the chunks were", () => {
  for (let seed = 0; seed < 12; seed++) {
    const random = new Random(seed);
    const bytes = (length: number, values: number) =>
      Buffer.from(Array.from({ length }, () => random.integer(0, values)));
    const common = bytes(random.integer(0, 40), 255);
    const rows = Array.from({ length: random.integer(0, 4000) }, (_, i) => {
      const key = Buffer.concat([common, bytes(random.integer(0, 5), seed % 2 ? 3 : 255)]);
      const value = random.integer(0, 50) === 0 ? Buffer.alloc(random.integer(0, 40_000), i) : Buffer.from(String(i));
      return [key, value] as const;
    });
    const table = tableOf(rows, [500, 5000, 1 << 20][seed % 3]);
    const sorted = rows.map(([key, value], i) => ({ key, value, i }));
    sorted.sort((a, b) => Buffer.compare(a.key, b.key) || a.i - b.i);
    const text = (all: Iterable<{ key: Uint8Array; value: Uint8Array }>) =>
      [...all].map(({ key, value }) => `${hex(key)} ${hex(value).slice(0, 30)} ${value.length}`);
    assert.equal(text(table.range()), text(sorted), `seed ${seed}`);
    for (let i = 0; i < 200; i++) {
      const some = random.coin() && rows.length > 0 ? rows[random.integer(0, rows.length - 1)][0] : Buffer.concat([common, bytes(3, 255)]); // prettier-ignore
      const key = random.integer(0, 4) === 0 ? some.subarray(0, -1) : some;
      const equal = sorted.filter((row) => row.key.equals(key));
      assert.equal(
        table.get(key).map(hex),
        equal.map(({ value }) => hex(value)),
      );
      if (i > 20) continue;
      assert.equal(text(table.range(key)), text(sorted.filter((row) => Buffer.compare(row.key, key) >= 0)));
      assert.equal(text(table.startingWith(key)), text(sorted.filter((row) => row.key.subarray(0, key.length).equals(key)))); // prettier-ignore
    }
    table.close();
  }
});

test("a sorter gives its rows twice, and rows with equal keys in the order in which they came", () => {
  const sorter = new RowSorter(join(root, "runs"), 200);
  for (let i = 0; i < 500; i++) sorter.add(Buffer.from(`k${i % 3}`), Buffer.from(String(i)));
  const read = () => [...sorter.sorted()].map(({ value }) => Number(Buffer.from(value).toString()));
  const expected = [0, 1, 2].flatMap((k) => Array.from({ length: 500 }, (_, i) => i).filter((i) => i % 3 === k));
  assert.equal(read(), expected);
  assert.equal(read(), expected);
  sorter.dispose();
});

test("a table that is cut, longer or changed is refused when it is opened or read", () => {
  const rows = Array.from({ length: 5000 }, (_, i) => [Buffer.from(`key ${i}`), Buffer.from(`value ${i}`)] as const);
  const whole = readFileSync(tableOf(rows, 1 << 20).path);
  const path = join(root, "changed");
  const read = () => [...new SortedTable(path).range()].length;
  writeFileSync(path, whole);
  assert.is(read(), rows.length);
  const random = new Random(1);
  for (let i = 0; i < 60; i++) {
    writeFileSync(path, whole);
    truncateSync(path, random.integer(0, whole.length - 1));
    assert.throws(read, isError("ERR_INDEX_DAMAGED", /delete its folder/), `cut ${i}`);
  }
  for (let i = 0; i < 60; i++) {
    const changed = Buffer.from(whole);
    // also in the list of blocks and in the footer
    const at = i < 30 ? random.integer(0, whole.length - 1) : whole.length - 1 - i;
    changed[at] ^= 1 << random.integer(0, 7);
    writeFileSync(path, changed);
    const isRead = (() => {
      try {
        return read() === rows.length;
      } catch (error) {
        return (error as { code: string }).code === "ERR_INDEX_DAMAGED" ? "refused" : error;
      }
    })();
    // the number of rows in the footer is not needed for reading
    const isCount = at >= whole.length - 24 && at < whole.length - 16;
    assert.is(isRead, isCount ? true : "refused", `byte ${at} of ${whole.length}`);
  }
});

test.run();
