// node scripts/pack.mjs [FOLDER]: packs the package of this platform as a tarball, from dist/ and a built addon. It
// packs a copy, so that the clone does not change. `npm run prebuild` makes the published addon; this script accepts
// any addon.
import { spawnSync } from "node:child_process";
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { writeDoors } from "./doors.mjs";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** Path of the platform's addon in the package; lib/runtime/binding.ts uses the same. */
const libc = process.platform === "linux" ? ".glibc" : "";
export const PREBUILT = `prebuilds/${process.platform}-${process.arch}/videoclip.napi${libc}.node`;

/** Runs a command to its end and returns its output. */
export function run(command, ...args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: root, encoding: "utf8" });
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(" ")} failed: ${error?.message ?? stderr}`);
}

/** The kernels for GPUs, which the addons of all platforms share. */
const GPU_FILE = "prebuilds/videoclip.gpu";

/** Copies an addon to its path in a package's folder, without its symbols, and the GPU file beside it, if there is one. */
export function placeAddon(addon, folder) {
  const target = join(folder, PREBUILT);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(addon, target);
  if (process.platform === "linux") run("strip", "--strip-unneeded", target);
  // beside a build's addon, one folder above a package's
  const kernels = ["videoclip.gpu", "../videoclip.gpu"].map((path) => join(dirname(addon), path)).find(existsSync);
  if (kernels && kernels !== join(folder, GPU_FILE)) copyFileSync(kernels, join(folder, GPU_FILE));
}

/**
 * Packs the package with this addon.
 * @returns the tarball's path and the paths in it
 */
export function packTarball(destination, addon = join(root, "build/Release/videoclip.node")) {
  const folder = mkdtempSync(join(tmpdir(), "videoclip-pack-"));
  try {
    const { files } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const wanted = files.filter((name) => !name.startsWith("!") && name !== "prebuilds");
    writeDoors(root);
    for (const name of ["package.json", "README.md", ...wanted])
      if (existsSync(join(root, name))) cpSync(join(root, name), join(folder, name), { recursive: true });
    placeAddon(addon, folder);
    const text = run("npm", "pack", folder, "--json", "--ignore-scripts", "--pack-destination", destination);
    const [packed] = JSON.parse(text);
    return { path: join(destination, packed.filename), files: packed.files.map((file) => file.path) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const destination = resolve(process.argv[2] ?? ".");
  mkdirSync(destination, { recursive: true });
  process.stdout.write(`${packTarball(destination).path}\n`);
}
