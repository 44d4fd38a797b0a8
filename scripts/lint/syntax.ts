// Reads source files as syntax trees, for tests that check rules of the code.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

/** The root of the repository. */
export const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

/** The syntax tree of a TypeScript source. */
export const parseSource = (name: string, text: string): ts.SourceFile =>
  ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);

/** The syntax tree of a TypeScript file. */
export const parse = (path: string): ts.SourceFile => parseSource(path, readFileSync(path, "utf8"));

/** Every node of a tree, the root first. */
export function* nodes(root: ts.Node): Generator<ts.Node> {
  const children: ts.Node[] = [];
  ts.forEachChild(root, (child) => void children.push(child));
  yield root;
  for (const child of children) yield* nodes(child);
}

/** All TypeScript files below a folder, relative to it. */
export const sources = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".d.ts") && !file.includes("node_modules"))
    .sort();
