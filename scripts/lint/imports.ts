// Part of `npm run lint`: no circle of imports, types included, in lib/, bench/ and scripts/, and no import in lib/ that goes up the
// order of folders in docs/architecture.md.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { circles, importGraph } from "./import_graph.js";
import { orderFaults, orderOf } from "./import_order.js";
import { root } from "./syntax.js";

const faults: string[] = [];
for (const folder of ["lib", "bench", "scripts"]) {
  const graph = importGraph(join(root, folder), "types too");
  for (const way of circles(graph)) faults.push(`a circle of imports in ${folder}/: ${way.join(" -> ")}`);
  if (folder !== "lib") continue;
  const order = orderOf(readFileSync(join(root, "docs/architecture.md"), "utf8"));
  faults.push(...orderFaults(graph, order, new Set(doors())));
}

/** The files that `exports` of package.json names, relative to lib/. */
function doors(): string[] {
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    exports: Record<string, string | { default: string }>;
  };
  return Object.values(exports).flatMap((door) =>
    typeof door === "string" ? [] : [door.default.replace("./dist/", "").replace(/\.js$/, ".ts")],
  );
}

for (const fault of faults) console.error(fault);
process.exitCode = faults.length > 0 ? 1 : 0;
