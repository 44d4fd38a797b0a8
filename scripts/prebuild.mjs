// npm run prebuild: makes the addon of this platform for its package, prebuilds/<platform>-<arch>/videoclip.node, and the kernels
// for GPUs. `--cpu` leaves the CUDA kernels out. Node-API: one file for every Node version. The file is
// stripped, and its dependencies and symbols are checked.
import { copyFileSync, existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { GPU_FILE, PREBUILT, placeAddon, root, run } from "./pack.mjs";

/** Oldest C library that a prebuilt addon may need: glibc 2.34 is Debian 12, Ubuntu 22.04, RHEL 9 and later. */
const GLIBC_FLOOR = [2, 34];
const EXPORTS = ["napi_register_module_v1", "node_api_module_get_api_version_v1"];

const passed = process.argv.slice(2);
run(process.execPath, "scripts/build.mjs", "--native", "--quiet", "--release", ...passed);
const target = join(root, PREBUILT);
placeAddon(join(root, "build/release/Release/videoclip.node"), target);
const kernels = join(root, "build/release/Release/videoclip.gpu");
if (existsSync(kernels) && !passed.includes("--cpu")) copyFileSync(kernels, join(root, GPU_FILE));

if (process.platform === "linux") {
  const shown = run("nm", "-D", "--defined-only", target)
    .trim()
    .split("\n")
    .map((line) => line.split(" ").at(-1));
  const extra = shown.filter((name) => !EXPORTS.includes(name));
  if (extra.length > 0)
    throw new Error(`${target} shows more than Node-API's symbols: ${extra.slice(0, 5).join(", ")}`);
  const symbols = run("objdump", "-T", target);
  const versions = [...symbols.matchAll(/GLIBC_(\d+)\.(\d+)/g)].map(([, major, minor]) => [
    Number(major),
    Number(minor),
  ]);
  const [major, minor] = versions.sort((a, b) => a[0] - b[0] || a[1] - b[1]).at(-1);
  const needs = `glibc ${major}.${minor}`;
  if (major > GLIBC_FLOOR[0] || minor > GLIBC_FLOOR[1]) {
    throw new Error(`${target} needs ${needs}, above ${GLIBC_FLOOR.join(".")}: build it on an older system`);
  }
  if (/GLIBCXX_|CXXABI_/.test(symbols)) throw new Error(`${target} needs a C++ library: it must be linked statically`);
  process.stderr.write(`${needs}, `);
}
process.stderr.write(`${(statSync(target).size / 1024).toFixed(0)} KiB: ${target.slice(root.length + 1)}\n`);
