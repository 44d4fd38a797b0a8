// What ptxas said when the GPU file was built: no kernel spills registers or keeps values in a stack frame.
// __launch_bounds__ holds each kernel to the occupancy that it states; a kernel that does not fit spills.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("ptxas");
const folder = "build/device_code";

interface Entry {
  kernel: string;
  architecture: string;
  spillBytes: number;
  stackBytes: number;
  registers: number;
}

/** The kernels of a build log. */
function entries(log: string): Entry[] {
  const parts = log.split("Compiling entry function ").slice(1);
  const names = spawnSync("c++filt", ["-p"], {
    input: parts.map((text) => text.match(/^'([^']+)'/)![1]).join("\n"),
    encoding: "utf8",
  });
  const readable = names.status === 0 ? names.stdout.trim().split("\n") : [];
  return parts.map((text, i) => {
    const number = (pattern: RegExp) => Number(text.match(pattern)?.[1] ?? Number.NaN);
    return {
      kernel: readable[i] ?? text.match(/^'([^']+)'/)![1],
      architecture: text.match(/for '(\w+)'/)![1],
      spillBytes: number(/(\d+) bytes spill stores/) + number(/(\d+) bytes spill loads/),
      stackBytes: number(/(\d+) bytes stack frame/),
      registers: number(/Used (\d+) registers/),
    };
  });
}

test("the parser finds spills", () => {
  const [entry] = entries(
    "ptxas info : Compiling entry function '_Z1kv' for 'sm_90'\n 8 bytes stack frame, 4 bytes spill stores, 12 bytes spill loads\nptxas info : Used 40 registers",
  );
  assert.equal([entry.architecture, entry.spillBytes, entry.stackBytes, entry.registers], ["sm_90", 16, 8, 40]);
});

if (!existsSync(folder)) {
  process.stdout.write("SKIP registers and spills: no nvcc, so no CUDA kernels were built\n");
} else {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".fatbin.log"),
  );
  for (const file of files.sort()) {
    test(file, () => {
      const kernels = entries(readFileSync(join(folder, file), "utf8"));
      assert.ok(kernels.length > 0, "no kernel");
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
