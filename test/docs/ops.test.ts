// docs/ops.md has a row for every function of videoclip/ops, and no other row.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as ops from "#lib/ops.js";

const test = suite("the table of ops");
/** Functions for tests and tools of this package. */
const INTERNAL = ["runOp"];

test("every op has a row", () => {
  const rows = readFileSync("docs/ops.md", "utf8").matchAll(/^\| ((?:`\w+(?:\([^)]*\))?`(?:, )?)+) \|/gm);
  const listed = [...rows].flatMap(([, names]) => [...names.matchAll(/`(\w+)/g)].map(([, name]) => name));
  const functions = Object.entries(ops).flatMap(([name, value]) => (typeof value === "function" ? [name] : []));
  assert.equal(listed.sort(), functions.filter((name) => !INTERNAL.includes(name)).sort());
});

test.run();
