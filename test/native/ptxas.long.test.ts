// What ptxas said when the GPU file was built: no kernel spills registers, keeps values in a stack frame, and
// ptxas adds no waits to those for wgmma.
// __launch_bounds__ holds each kernel to the occupancy that it states; a kernel that does not fit spills.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { logsOf, readLog } from "../../scripts/gpu/ptxas_log.js";

const test = suite("ptxas");
const folder = "build/device_code";

test("the parser finds spills", () => {
  const [entry] = readLog(
    "ptxas info : Compiling entry function '_Z1kv' for 'sm_90'\n 8 bytes stack frame, 4 bytes spill stores, 12 bytes spill loads\nptxas info : Used 40 registers",
  );
  assert.equal([entry.architecture, entry.spillBytes, entry.stackBytes, entry.registers], ["sm_90", 16, 8, 40]);
});

if (!existsSync(folder)) {
  process.stdout.write("SKIP registers and spills: no nvcc, so no CUDA kernels were built\n");
} else {
  for (const file of logsOf(folder)) {
    test(file, () => {
      const log = readFileSync(join(folder, file), "utf8");
      const kernels = readLog(log);
      assert.ok(kernels.length > 0, "no kernel");
      // a wgmma that waits for the one before it, and waits and fences that the code does not have
      assert.not.match(log, /wgmma.*serialized|warpgroup.* injected/);
      const architectures = new Set(kernels.map((entry) => entry.architecture));
      assert.ok(architectures.size >= 2, [...architectures].join());
      for (const entry of kernels) {
        const text = JSON.stringify(entry);
        assert.is(entry.spillBytes, 0, text);
        // the division of doubles is a function call with 8 bytes of stack
        const divides = /batch_norm_train_op::statistics_kernel/.test(entry.kernel);
        assert.is(entry.stackBytes, divides ? entry.stackBytes : 0, text);
        assert.ok(entry.stackBytes <= 8, text);
      }
      const most = Math.max(...kernels.map((entry) => entry.registers));
      process.stdout.write(`${file}: ${kernels.length} kernels, ${most} registers at the maximum\n`);
    });
  }
}

test.run();
