// The order in which the folders of lib/ may import each other.
import type { ImportGraph } from "./import_graph.js";

/** Reads the order from the lines `1. `folder`: ...` under "Who imports whom" in docs/architecture.md: the lowest folder comes first. */
export function orderOf(document: string): string[] {
  const section = document.split("## Who imports whom")[1]?.split("\n## ")[0] ?? "";
  return [...section.matchAll(/^\d+\. ((?:`[\w.]+`(?:, )?)+)/gm)].flatMap(([, names]) =>
    [...names.matchAll(/`([\w.]+)`/g)].map(([, name]) => name),
  );
}

/** The folder of lib/ that a file belongs to, or the file where it is directly in lib/. */
const placeOf = (file: string): string => file.split("/")[0];

/**
 * Imports that go up: from a folder to one that comes later in `order`, or to one that the order does not name.
 * @param doors - files that only re-export, as package.json lists them: they may name any folder
 */
export function orderFaults(graph: ImportGraph, order: readonly string[], doors: ReadonlySet<string>): string[] {
  const faults: string[] = [];
  for (const [file, targets] of graph) {
    if (doors.has(file)) continue;
    const from = order.indexOf(placeOf(file));
    if (from < 0) faults.push(`lib/${file}: its folder is not in the order of docs/architecture.md`);
    for (const target of targets) {
      const to = order.indexOf(placeOf(target));
      if (from >= 0 && to > from)
        faults.push(`lib/${file} imports lib/${target}: ${order[to]} comes after ${order[from]}`);
    }
  }
  return faults;
}
