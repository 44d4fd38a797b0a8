// What a `require()` that cannot load ES modules gets: Jest's, and that of Node before 20.19 or 22.12. Node's own
// `require()` reads the ES modules themselves (condition "module-sync" in package.json) and never comes here.
import Module = require("node:module");
import path = require("node:path");

/** Stands in docs/deployment.md. */
const sentence =
  "videoclip is made of ES modules, which this require() cannot load: use Node 20.19, 22.12 or later, or import(); " +
  "in Jest set NODE_OPTIONS=--experimental-vm-modules and write the test as an ES module.";

/** Loads an ES module of the package through Node's own `require()`, past the one that a test runner has put in its place. */
function load(file: string): unknown {
  const id = path.join(__dirname, file);
  try {
    return new Module(id).require(id);
  } catch (cause) {
    if (!["ERR_REQUIRE_ESM", undefined].includes((cause as NodeJS.ErrnoException).code)) throw cause;
    throw Object.assign(new Error(`ERR_REQUIRE_ESM: ${sentence}`, { cause }), { code: "ERR_REQUIRE_ESM" });
  }
}

export = { load, sentence };
