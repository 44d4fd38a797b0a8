// Durable files are written by one module: only lib/base/files.ts syncs and renames.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseSource } from "../../scripts/lint/syntax.js";
import { callsOf, importsOf, librarySources } from "./sources.js";

const test = suite("architecture: files");

const DURABLE = /^(rename(Sync)?|fsync(Sync)?|fdatasync(Sync)?)$/;

/** The calls and imports of a source that sync or rename files. */
function durableCalls(source: ReturnType<typeof parseSource>): string[] {
  const imported = importsOf(source, /^(node:)?fs(\/promises)?$/).filter((name) => DURABLE.test(name) || name === "*");
  const synced = [...callsOf(source)].filter(({ name }) => name === "sync" || name === "datasync");
  return [...imported, ...synced.map(({ call }) => call.expression.getText())];
}

test("only lib/base/files.ts calls fsync and rename", () => {
  const users = librarySources()
    .filter((source) => durableCalls(source).length > 0)
    .map(({ fileName }) => fileName);
  assert.equal(users, ["base/files.ts"]);
});

test("the rule finds every way to call them", () => {
  for (const text of [
    'import { renameSync } from "node:fs"; renameSync("a", "b");',
    'import { rename as move } from "node:fs/promises"; await move("a", "b");',
    'import * as fs from "node:fs"; fs.fsyncSync(1);',
    'import fs from "fs"; fs.renameSync("a", "b");',
    'const file = await open("a"); await file.sync();',
  ]) {
    assert.ok(durableCalls(parseSource("x.ts", text)).length > 0, text);
  }
  assert.equal(durableCalls(parseSource("x.ts", 'import { readFileSync } from "node:fs"; readFileSync("a");')), []);
});

test.run();
