// The files of lib/ import each other in one direction: no file needs, while it is loaded, a file that needs it.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { root } from "../support/syntax.js";
import { circles, type Edges, importGraph } from "./import_graph.js";

const test = suite("imports");
const lib = join(root, "lib");

/** `types too` also forbids circles that `import type` closes. */
const EDGES: Edges = "run time";

test("lib/ has no circle of imports", () => {
  const graph = importGraph(lib, EDGES);
  assert.ok(graph.size > 300, `read ${graph.size} files`);
  const found = circles(graph).map((way) => way.join(" -> "));
  assert.is(found.length, 0, `circles of imports (${EDGES}):\n${found.join("\n")}`);
});

test("a circle is found, by the shortest way round it", () => {
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
  const folder = mkdtempSync(join(tmpdir(), "imports-"));
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
