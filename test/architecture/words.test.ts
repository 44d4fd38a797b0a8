// The lint step for words finds names and phrases that the glossary replaces, and only those.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("words");
const folder = temporaryFolder("words");

const script = new URL("../../scripts/lint/words.mjs", import.meta.url).pathname;

/** Lines and words that the step reports for a file with this text. */
function found(name: string, text: string): string[] {
  const path = join(folder, name);
  writeFileSync(path, text);
  const { status, stderr } = spawnSync(process.execPath, [script, path], { encoding: "utf8" });
  const words = [...stderr.matchAll(/:(\d+): "([^"]*)": write/g)].map(([, line, word]) => `${line} ${word}`);
  assert.is(status, words.length > 0 ? 1 : 0, stderr);
  return words;
}

test("names are found in code, and not in comments or strings", () => {
  assert.equal(found("a.h", "// team and mine\nint kMostRows = 1;\nint x = mine;\n"), ["2 kMostRows", "3 mine"]);
  assert.equal(found("b.ts", 'const prefetch = new BatchAhead("mine");\n'), ["1 BatchAhead"]);
});

test("phrases are found in comments, messages and pages, also across lines", () => {
  assert.equal(found("c.ts", "/**\n * The bytes of a file, so\n * many.\n */\nconst so_many = 1;\n"), ["2 so many"]);
  assert.equal(found("d.ts", 'throw new Error("it has memory of its own");\n'), ["1 of its own"]);
  assert.equal(found("e.md", "The worker is told\nto stop.\n"), ["1 is told"]);
});

test("ordinary uses and deprecated aliases are left alone", () => {
  const text = [
    "/** Runs in its own thread; most rows are told apart. */",
    "export const slice = (counts: number[], rate: number) => counts.map((c) => c * rate);",
    "/** @deprecated Use `Prefetcher`. */",
    "export const BatchAhead = Prefetcher;",
    "",
  ];
  assert.equal(found("f.ts", text.join("\n")), []);
});

test.run();
