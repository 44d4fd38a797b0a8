// node scripts/pack_gpu.mjs [--local] [--limit MB]: packs what scripts/gpu.sh needs on a machine with a driver and nothing else:
// tests and benches as plain JavaScript, the addon with its files of kernels, and this Node. The folder build/gpu-pack and the archive
// build/gpu-pack.tgz have the same content.
//   --local     for this machine: without Node, compression and archive
//   --limit MB  maximum size of the folder and of the archive, default 60
import { spawnSync } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const { build } = createRequire(join(root, "node_modules/tsx/package.json"))("esbuild");
const { values: options } = parseArgs({
  options: { local: { type: "boolean", default: false }, limit: { type: "string", default: "60" } },
});
const out = join(root, "build/gpu-pack");
const archive = join(root, "build/gpu-pack.tgz");

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

function run(command, args, stdout = "inherit") {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ["ignore", stdout, "inherit"] });
  if (status !== 0) fail(`${command} ${args.join(" ")}: ${error?.message ?? `exit code ${status}`}`);
}

/** Copies a file, compressed as FILE.xz if the pack is for another machine. */
function add(from, to, compress = !options.local) {
  if (!compress) return copyFileSync(from, to);
  const file = openSync(`${to}.xz`, "w");
  run("xz", ["-2", "-T0", "-c", from], file);
  closeSync(file);
}

/** Tests, benches and the runner as single files. They lie where the loader finds build/Release and package.json. */
async function bundle() {
  await build({
    absWorkingDir: root,
    entryPoints: {
      run: "scripts/gpu/run.ts",
      report: "scripts/gpu/report.ts",
      conformance: "test/ops/conformance_cuda.emulator.test.ts",
      runtime: "test/runtime/gpu_runtime.emulator.test.ts",
      networks: "test/models/gpu.emulator.test.ts",
      bench: "bench/gpu/main.ts",
    },
    outdir: join(out, "dist/gpu"),
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    target: "node20",
    external: ["node-av", "node-av/*"],
    banner: { js: 'import { createRequire as __r } from "node:module"; const require = __r(import.meta.url);' },
    logLevel: "error",
  });
  copyFileSync(join(root, "bench/gpu/torch_gpu.py"), join(out, "dist/gpu/torch_gpu.py"));
}

/** Bytes of a file, or of all files in a folder. */
function bytesOf(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), 0);
}

const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

/** Refuses a pack that is larger than the limit, and says what its parts take. */
function checkSize(path) {
  const bytes = bytesOf(path);
  if (bytes <= Number(options.limit) * 1e6) return;
  const parts = readdirSync(out).map((name) => `${name} ${megabytes(bytesOf(join(out, name)))}`);
  fail(
    `${relative(root, path)}: expected at most ${options.limit} MB, received ${megabytes(bytes)} MB: ${parts.join(", ")}`,
  );
}

if (!options.local && process.config.variables.node_shared) {
  fail(`${process.execPath} needs a shared library of Node: run this with a Node of nodejs.org, which is one file`);
}
for (const path of [out, archive]) rmSync(path, { recursive: true, force: true });
mkdirSync(join(out, "build/Release"), { recursive: true });
const release = join(root, "build/Release");
const natives = readdirSync(release).filter((name) => /^videoclip\.node$|\.(fatbin|gpu)/.test(name));
if (!natives.includes("videoclip.node")) fail("build/Release/videoclip.node is missing. Run: npm run build");
for (const name of natives) add(join(release, name), join(out, "build/Release", name));
const { name, version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
writeFileSync(join(out, "package.json"), `${JSON.stringify({ name, version, type: "module" })}\n`);
await bundle();
copyFileSync(join(root, "scripts/gpu.sh"), join(out, "gpu.sh"));
if (!options.local) {
  add(process.execPath, join(out, "node"));
  run("tar", ["-C", join(root, "build"), "-czf", archive, "gpu-pack"]);
  checkSize(archive);
}
checkSize(out);
const sizes = [out, ...(options.local ? [] : [archive])].map(
  (path) => `${relative(root, path)} ${megabytes(bytesOf(path))} MB`,
);
process.stdout.write(`${sizes.join(", ")}\n`);
