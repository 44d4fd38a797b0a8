// The files of lib/, bench/ and scripts/ import each other in one direction.
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { circles, type Edges, importGraph } from "../../scripts/lint/import_graph.js";
import { orderFaults, orderOf } from "../../scripts/lint/import_order.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("imports");

test("there is no circle of imports, and no import against the order of folders", () => {
  const { status, stderr } = spawnSync(process.execPath, ["--import", "tsx", "scripts/lint/imports.ts"], {
    encoding: "utf8",
  });
  assert.is(status, 0, stderr);
});

test("an import against the order is found", () => {
  const order = orderOf(
    "## Who imports whom\n\n1. `base`: small helpers\n2. `graph`, `ops`: and\n3. `cli`: top\n\n## Next\n1. `not`",
  );
  assert.equal(order, ["base", "graph", "ops", "cli"]);
  const graph = new Map([
    ["base/a.ts", ["graph/b.ts"]],
    ["ops/c.ts", ["base/a.ts", "graph/b.ts"]],
    ["cli/index.ts", ["other/d.ts"]],
    ["graph/index.ts", ["cli/e.ts"]],
    ["other/d.ts", []],
  ]);
  assert.equal(orderFaults(graph, order, new Set(["graph/index.ts"])), [
    "lib/base/a.ts imports lib/graph/b.ts: graph comes after base",
    "lib/other/d.ts: its folder is not in the order of docs/architecture.md",
  ]);
});

test("a circle is found and shown by its shortest path", () => {
  const graph = new Map([
    ["a.ts", ["b.ts", "e.ts"]],
    ["b.ts", ["c.ts"]],
    ["c.ts", ["d.ts", "b.ts"]],
    ["d.ts", ["b.ts"]],
    ["e.ts", []],
  ]);
  assert.equal(circles(graph), [
    ["b.ts", "c.ts", "b.ts"],
    ["d.ts", "b.ts", "c.ts", "d.ts"],
  ]);
});

test("only an import of types is erased at run time", () => {
  const folder = temporaryFolder("imports");
  try {
    const b = `import type { A } from "./a.js"; let x: import("./c.js").C; export { type D } from "./d.js"; import "ts";`;
    writeFileSync(join(folder, "a.ts"), `import { type B } from "./b.js"; await import("./c.js");`);
    writeFileSync(join(folder, "b.ts"), b);
    for (const file of ["c.ts", "d.ts"]) writeFileSync(join(folder, file), "");
    const read = (edges: Edges) => Object.fromEntries(importGraph(folder, edges));
    assert.equal(read("run time"), { "a.ts": ["b.ts", "c.ts"], "b.ts": ["d.ts"], "c.ts": [], "d.ts": [] });
    assert.equal(read("types too"), { ...read("run time"), "b.ts": ["a.ts", "c.ts", "d.ts"] });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();
