// The graph of the imports of a folder, read from its syntax, and the circles in it.
import { existsSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import ts from "typescript";
import { nodes, parse, sources } from "./syntax.js";

/** Which imports count: all of them, or only those that are left when the types are erased. */
export type Edges = "run time" | "types too";

/** Files of a folder, each with the files of the same folder that it imports. Paths are relative to the folder. */
export type ImportGraph = Map<string, string[]>;

/** The module that a node imports. `import { type A }` stays at run time, as `import {}`; `import type` does not. */
function imported(node: ts.Node, edges: Edges): string | undefined {
  const all = edges === "types too";
  if (ts.isImportDeclaration(node) && (all || !node.importClause?.isTypeOnly)) return text(node.moduleSpecifier);
  if (ts.isExportDeclaration(node) && (all || !node.isTypeOnly)) return text(node.moduleSpecifier);
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) return text(node.arguments[0]);
  if (all && ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return text(node.argument.literal);
  return undefined;
}

const text = (node: ts.Node | undefined) => (node && ts.isStringLiteral(node) ? node.text : undefined);

/** Reads the imports of every file below `folder`; imports of packages and of other folders are left out. */
export function importGraph(folder: string, edges: Edges): ImportGraph {
  const graph: ImportGraph = new Map();
  for (const file of sources(folder)) {
    const targets = new Set<string>();
    for (const node of nodes(parse(join(folder, file)))) {
      const module = imported(node, edges);
      if (!module?.startsWith(".")) continue;
      const target = join(folder, dirname(file), module.replace(/\.js$/, ".ts"));
      if (existsSync(target)) targets.add(relative(folder, target));
    }
    graph.set(file, [...targets]);
  }
  return graph;
}

/** Circles of a graph, each as the shortest way from a file back to itself: every file of a circle is in one of them. */
export function circles(graph: ImportGraph): string[][] {
  const found: string[][] = [];
  const seen = new Set<string>();
  for (const file of graph.keys()) {
    if (seen.has(file)) continue;
    const way = wayBack(graph, file);
    if (!way) continue;
    way.forEach((other) => seen.add(other));
    found.push(way);
  }
  return found;
}

/** The shortest way from a file back to itself, breadth first. */
function wayBack(graph: ImportGraph, file: string): string[] | undefined {
  const before = new Map<string, string>();
  const queue = [file];
  for (const at of queue) {
    for (const next of graph.get(at) ?? []) {
      if (next === file) {
        const way = [file];
        for (let step = at; step !== file; step = before.get(step)!) way.unshift(step);
        return [file, ...way];
      }
      if (before.has(next)) continue;
      before.set(next, at);
      queue.push(next);
    }
  }
  return undefined;
}
