// Writes the CommonJS entry for each of the package's exports, for a `require()` that cannot load ES modules:
// dist/ops.cjs next to dist/ops.js, with its types. A new entry needs a line in package.json and nothing else.
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

export function writeDoors(root) {
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  for (const { require, default: module } of Object.values(exports)) {
    if (!require) continue;
    const path = `./${module.replace(/^\.\/dist\//, "")}`;
    const up = "../".repeat(path.split("/").length - 2) || "./";
    const name = basename(module);
    writeFileSync(join(root, require.default), `module.exports = require("${up}commonjs.cjs").load("${path}");\n`);
    writeFileSync(join(root, require.types), `export * from "./${name}";\n`);
  }
}
