// The one build step of a clone: the addon through cmake-js, then the TypeScript. Does nothing when nothing changed.
//   (nothing)        the CPU backend, and whatever an earlier build of this clone had
//   --emulator       also the emulator of GPUs and of AMX, which tests need; never kernels by nvcc
//   --cuda           also the CUDA kernels by nvcc, which take minutes; also with VIDEOCLIP_CUDA=on
//   --full           all of these, the CUDA kernels where nvcc is found
//   --cpu            no CUDA kernels, also if an earlier build had them; also with VIDEOCLIP_CUDA=off
//   --native         the addon alone
//   --release        as it is published: no emulator, every GPU architecture where nvcc is found; into build/release
//   --target NAME    the addon alone for another system, by native/toolchains/NAME.cmake, as it is published without CUDA kernels;
//                    into build/NAME; with --emulator for the tests that need the emulators
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeDoors } from "./doors.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const has = (word) => process.argv.includes(`--${word}`);
const quiet = has("quiet");
const target = has("target") ? process.argv[process.argv.indexOf("--target") + 1] : undefined;
const toolchain = join(root, `native/toolchains/${target}.cmake`);
if (target !== undefined && !existsSync(toolchain)) fail(`--target ${target}: there is no ${toolchain}`);
const release = has("release") || target !== undefined;
const name = target ?? (release ? "release" : "native");
const folder = name === "native" ? "build" : `build/${name}`;
const wish = process.env.VIDEOCLIP_CUDA;
const withoutCuda = has("cpu") || target !== undefined || wish === "off";
const asksForCuda = !withoutCuda && (has("cuda") || wish === "on");
const hasNvcc = !withoutCuda && runs("nvcc");
const before = release ? "" : cacheOf(folder);
const emulator =
  (!release || target !== undefined) &&
  (has("emulator") || has("full") || before.includes("VIDEOCLIP_EMULATOR:BOOL=ON"));
const cuda = hasNvcc && (asksForCuda || release || has("full") || before.includes("VIDEOCLIP_CUDA:STRING=ON"));
const settings = [
  `-DVIDEOCLIP_EMULATOR=${emulator ? "ON" : "OFF"}`,
  `-DVIDEOCLIP_CUDA=${cuda ? "ON" : "OFF"}`,
  `-DVIDEOCLIP_CUDA_ARCHITECTURES=${release ? "all" : "80;90a"}`,
  ...(target === undefined ? [] : [`-DCMAKE_TOOLCHAIN_FILE=${toolchain}`]),
];
const cmakeJs = join(root, "node_modules/cmake-js/bin/cmake-js");
const options = ["--out", folder, ...settings.map((setting) => setting.replace("-D", "--CD"))];

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

function runs(command) {
  return spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
}

/** The settings of an earlier build. */
function cacheOf(folder) {
  const path = join(root, folder, "CMakeCache.txt");
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

function run(label, command, args) {
  if (!quiet && label) process.stderr.write(`${label}\n`);
  const result = spawnSync(command, args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  if (result.status !== 0) fail(`${result.stdout}\n${result.stderr}\n${label}: failed`);
}

/** Builds a target, and shows how far it is: at a terminal in one line, otherwise now and then. */
async function build(label, target) {
  const words = ["build", "--parallel", String(availableParallelism()), "--target", target, ...options];
  const child = spawn(process.execPath, [cmakeJs, ...words], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let shown = quiet ? Infinity : 0;
  const show = (progress) => {
    const isLine = process.stderr.isTTY;
    if (Date.now() - shown < (isLine ? 200 : 20_000)) return;
    shown = Date.now();
    process.stderr.write(isLine ? `\r${label} ${progress} ` : `${label} ${progress}\n`);
  };
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text) => {
      output += text;
      const progress = /\[ *(\d+\/\d+|\d+%)\]/.exec(text)?.[1];
      if (progress) show(progress.replace("/", " of "));
    });
  const status = await new Promise((resolve) => child.on("close", resolve));
  if (!quiet && process.stderr.isTTY) process.stderr.write(`\r${label} ${status === 0 ? "done" : "failed"}      \n`);
  if (status !== 0) fail(`${errorsOf(output)}\n${label}: failed`);
}

/** The end of a compiler's output, without the lines of files that were compiled. */
const errorsOf = (output) => output.split("\n").filter((line) => !/^\[ *\d+(\/\d+|%)\] Building/.test(line)).slice(-200).join("\n"); // prettier-ignore

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

if (asksForCuda && !hasNvcc)
  fail("The CUDA kernels need nvcc (CUDA 13) on the path. Install the CUDA toolkit, or build without --cuda.");
const native = `${digest([...sources("native"), join(root, "CMakeLists.txt"), join(root, "scripts/join_kernels.mjs")])} ${settings.join(" ")}`;
const stamp = `${name}.sha256`;
const isBuilt = unchanged(stamp, native, `${folder}/Release/videoclip.node`);
const needsKernels = cuda && !has("emulator") && !unchanged(`gpu.${stamp}`, native, `${folder}/Release/videoclip.gpu`);
if (!isBuilt || needsKernels) {
  const missing = [
    ["cmake", runs("cmake")],
    ["a C++ compiler", runs(process.env.CXX ?? "c++") || runs("g++") || runs("clang++")],
  ].filter(([, found]) => !found);
  if (missing.length > 0) {
    const install =
      process.platform === "darwin"
        ? "xcode-select --install && brew install cmake"
        : "apt-get install -y cmake g++ make";
    fail(`Building the addon needs ${missing.map(([name]) => name).join(" and ")}. Install with: ${install}`);
  }
  // CMake refuses the files of a clone that has been moved or copied
  const source = /^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$/m.exec(cacheOf(folder))?.[1];
  if (source !== undefined && source !== realpathSync(root).replaceAll("\\", "/")) {
    for (const made of ["CMakeCache.txt", "CMakeFiles"])
      rmSync(join(root, folder, made), { recursive: true, force: true });
  }
  run("", process.execPath, [cmakeJs, "configure", ...options]); // without "configure", compile keeps old settings
  // in one build where both are needed, so that all processors are busy until the end
  const targets = [...(isBuilt ? [] : ["videoclip"]), ...(needsKernels ? ["gpu_file"] : [])];
  const parts = [
    ...(isBuilt ? [] : ["the CPU backend", ...(emulator ? ["the emulator"] : [])]),
    ...(needsKernels ? ["the CUDA kernels by nvcc, some minutes"] : cuda ? ["the launches of GPU kernels"] : []),
  ];
  await build(`Building the native code (${parts.join(", ")}):`, targets.join("_and_"));
  if (!isBuilt) writeFileSync(join(root, "build", stamp), native);
  if (needsKernels) writeFileSync(join(root, "build", `gpu.${stamp}`), native);
}

const lib = digest([...sources("lib"), join(root, "tsconfig.json")]);
const nativeOnly = has("native") || target !== undefined;
if (!nativeOnly && !unchanged("lib.sha256", lib, "dist/index.js")) {
  run("Compiling the TypeScript", process.execPath, [
    join(root, "node_modules/typescript/bin/tsc"),
    "-p",
    "tsconfig.json",
  ]);
  writeFileSync(join(root, "build/lib.sha256"), lib);
}
if (!nativeOnly) writeDoors(root);
