// The addon has all functions that it calls: the linker accepts a shared library that lacks some, and such a library fails only
// when a call is made.
import { spawnSync } from "node:child_process";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadAddon } from "#lib/runtime/binding.js";

const test = suite("symbols of the addon");

if (spawnSync("nm", ["--version"]).status !== 0) {
  process.stdout.write("SKIP symbols of the addon: no nm\n");
} else {
  test("no function of this package is undefined", () => {
    const run = spawnSync("nm", ["-C", "-u", loadAddon().path], { encoding: "utf8", maxBuffer: 1 << 28 });
    assert.is(run.status, 0, run.stderr);
    const symbols = run.stdout.split("\n");
    assert.ok(
      symbols.some((line) => line.includes("napi_")),
      "no symbol of Node-API",
    );
    assert.equal(
      symbols.filter((line) => / U .*videoclip::/.test(line)),
      [],
    );
  });
}

test.run();
