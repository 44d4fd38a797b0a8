// The one build step of a clone: the addon through cmake-js, then the TypeScript. Does nothing when nothing changed.
//   --native   the addon alone
//   --release  as it is published: no emulator, every GPU architecture; into build/release
//   --cpu      without CUDA kernels (they are built where nvcc is found); VIDEOCLIP_CUDA=off says the same to every
//              command that builds
//   --target linux-arm64 | linux-arm64-clang
//              the addon alone for another system, by the toolchain file of that name in native/toolchains, without CUDA
//              kernels; into build/linux-arm64
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeDoors } from "./doors.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const quiet = process.argv.includes("--quiet");
const target = process.argv.includes("--target") ? process.argv[process.argv.indexOf("--target") + 1] : undefined;
const toolchain = `native/toolchains/${target}.cmake`;
if (target !== undefined && !existsSync(join(root, toolchain))) fail(`--target ${target}: there is no ${toolchain}`);
const nativeOnly = process.argv.includes("--native") || target !== undefined;
const release = process.argv.includes("--release") || target !== undefined;
const cpu = process.argv.includes("--cpu") || target !== undefined || process.env.VIDEOCLIP_CUDA === "off";
const settings = [
  `-DVIDEOCLIP_EMULATOR=${release ? "OFF" : "ON"}`,
  `-DVIDEOCLIP_CUDA=${cpu ? "OFF" : "AUTO"}`,
  `-DVIDEOCLIP_CUDA_ARCHITECTURES=${release ? "all" : "80;90a"}`,
];
if (target !== undefined) settings.push(`-DCMAKE_TOOLCHAIN_FILE=${join(root, toolchain)}`);
const folder = target !== undefined ? `build/${target}` : release ? "build/release" : "build";

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

function has(command) {
  return spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
}

function run(label, command, args) {
  if (!quiet && label) process.stderr.write(`${label}\n`);
  const result = spawnSync(command, args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  if (result.status !== 0) fail(`${result.stdout}\n${result.stderr}\n${label}: failed`);
}

function sources(folder) {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function digest(files) {
  const hash = createHash("sha256").update(`${process.platform}-${process.arch}`);
  for (const file of files) hash.update(file.slice(root.length)).update(readFileSync(file));
  return hash.digest("hex");
}

function unchanged(stamp, value, output) {
  const path = join(root, "build", stamp);
  return existsSync(join(root, output)) && existsSync(path) && readFileSync(path, "utf8") === value;
}

if (!existsSync(join(root, "node_modules/node-addon-api"))) fail("The dependencies are missing. Run: npm ci");
mkdirSync(join(root, folder), { recursive: true });

const native = `${digest([...sources("native"), join(root, "CMakeLists.txt"), join(root, "scripts/join_kernels.mjs")])} ${settings.join(" ")}`;
const stamp = target !== undefined ? `${target}.sha256` : release ? "release.sha256" : "native.sha256";
if (!unchanged(stamp, native, `${folder}/Release/videoclip.node`)) {
  const missing = [
    ["cmake", has("cmake")],
    ["a C++ compiler", has(process.env.CXX ?? "c++") || has("g++") || has("clang++")],
  ].filter(([, found]) => !found);
  if (missing.length > 0) {
    const install =
      process.platform === "darwin"
        ? "xcode-select --install && brew install cmake"
        : "apt-get install -y cmake g++ make";
    fail(`Building the addon needs ${missing.map(([name]) => name).join(" and ")}. Install with: ${install}`);
  }
  const cmakeJs = join(root, "node_modules/cmake-js/bin/cmake-js");
  const cuda = settings[1].endsWith("AUTO") && has("nvcc");
  const label = `Building the native addon (${cuda ? "about fifteen minutes on two cores" : "some minutes"})`;
  const options = ["--out", folder, ...settings.map((setting) => setting.replace("-D", "--CD"))];
  run(label, process.execPath, [cmakeJs, "configure", ...options]); // without "configure", compile keeps old settings
  run("", process.execPath, [cmakeJs, "build", "--parallel", "2", ...options]);
  writeFileSync(join(root, "build", stamp), native);
}

const lib = digest([...sources("lib"), join(root, "tsconfig.json")]);
if (!nativeOnly && !unchanged("lib.sha256", lib, "dist/index.js")) {
  run("Compiling the TypeScript", process.execPath, [
    join(root, "node_modules/typescript/bin/tsc"),
    "-p",
    "tsconfig.json",
  ]);
  writeFileSync(join(root, "build/lib.sha256"), lib);
}
if (!nativeOnly) writeDoors(root);
