// The native tests pass under AddressSanitizer with UndefinedBehaviorSanitizer, and under ThreadSanitizer.
import { spawnSync } from "node:child_process";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("sanitizers");

for (const sanitizer of ["address,undefined", "thread"]) {
  test(sanitizer, () => {
    const folder = `build/sanitize-${sanitizer.replace(",", "-")}`;
    for (const args of [
      ["-S", ".", "-B", folder, `-DVIDEOCLIP_SANITIZE=${sanitizer}`],
      ["--build", folder, "--parallel", "2"],
    ]) {
      const step = spawnSync("cmake", args, { encoding: "utf8" });
      assert.is(step.status, 0, step.stdout + step.stderr);
    }
    const run = spawnSync(`${folder}/native_tests`, { encoding: "utf8", timeout: 300_000 });
    assert.is(run.status, 0, run.stdout + run.stderr);
  });
}

test.run();
