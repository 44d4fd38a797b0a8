// The CUDA emulator passes its tests on the host, and the same example kernels compile for devices if nvcc is
// installed.
import { spawnSync } from "node:child_process";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("emulator");
const folder = "build/emulator";

test("the emulator catches every planted fault and runs correct kernels", () => {
  for (const args of [
    ["-S", ".", "-B", folder, "-DVIDEOCLIP_EMULATOR_TESTS=ON"],
    ["--build", folder],
  ]) {
    const step = spawnSync("cmake", args, { encoding: "utf8" });
    assert.is(step.status, 0, step.stdout + step.stderr);
  }
  const run = spawnSync(`${folder}/emulator_tests`, { encoding: "utf8", timeout: 120_000 });
  assert.is(run.status, 0, `${run.signal} ${run.stdout}${run.stderr}`);
  process.stdout.write(run.stdout);
});

if (spawnSync("nvcc", ["--version"]).status !== 0) {
  process.stdout.write("SKIP example kernels for devices: no nvcc\n");
} else {
  test("the example kernels compile for devices", () => {
    const args = ["-std=c++17", "-I", "native", "-I", "native/cpp", "-Werror", "all-warnings"];
    for (const arch of ["80", "90a"]) args.push("-gencode", `arch=compute_${arch},code=sm_${arch}`);
    args.push("-c", "test/native/emulator/examples.cu", "-o", `${folder}/examples.o`);
    const run = spawnSync("nvcc", args, { encoding: "utf8", timeout: 120_000 });
    assert.is(run.status, 0, run.stdout + run.stderr);
  });
}

test.run();
