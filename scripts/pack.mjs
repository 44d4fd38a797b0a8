// npm run pack:all [FOLDER]: packs the main package, a package for each platform whose addon `npm run prebuild` has made, and
// the kernels for GPUs, as tarballs, and writes a bill of materials. It packs copies, so that the clone does not change.
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { writeDoors } from "./doors.mjs";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** The platforms that packages are made for, and where `scripts/prebuild.mjs` leaves their addons. */
export const PLATFORMS = ["linux-x64", "linux-arm64"];
export const prebuiltOf = (platform) => `prebuilds/${platform}/videoclip.node`;
/** The addon of this platform. */
export const PREBUILT = prebuiltOf(`${process.platform}-${process.arch}`);
/** The kernels for GPUs, which the addons of all platforms share. */
export const GPU_FILE = "prebuilds/videoclip.gpu";

/** Runs a command to its end and returns its output. */
export function run(command, ...args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: root, encoding: "utf8" });
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(" ")} failed: ${error?.message ?? stderr}`);
}

/** Copies an addon without its symbols. */
export function placeAddon(addon, target) {
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(addon, target);
  if (process.platform === "linux") run("strip", "--strip-unneeded", target);
}

const manifest = () => JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** Fills a folder and packs it. @returns the tarball's path, its bytes, and the paths in it */
function pack(destination, fill) {
  const folder = mkdtempSync(join(tmpdir(), "videoclip-pack-"));
  mkdirSync(destination, { recursive: true });
  try {
    fill(folder);
    const text = run("npm", "pack", folder, "--json", "--ignore-scripts", "--pack-destination", destination);
    const [packed] = JSON.parse(text);
    return {
      path: join(destination, packed.filename),
      bytes: packed.size,
      files: packed.files.map((file) => file.path),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Removes source maps, whose sources are not in the package, and the lines of the files that name them. */
function removeMaps(dist) {
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (path.endsWith(".map")) rmSync(path);
    else if (/\.c?js$/.test(path)) {
      const text = readFileSync(path, "utf8");
      const without = text.replace(/\n\/\/# sourceMappingURL=\S+\s*$/, "\n");
      if (without !== text) writeFileSync(path, without);
    }
  }
}

/** Packs the main package, which is the same for all platforms. */
export function packMain(destination) {
  return pack(destination, (folder) => {
    const { version, files, ...rest } = manifest();
    const wanted = files.filter((name) => !name.startsWith("!"));
    writeDoors(root);
    for (const name of ["README.md", ...wanted])
      if (existsSync(join(root, name))) cpSync(join(root, name), join(folder, name), { recursive: true });
    removeMaps(join(folder, "dist"));
    // these packages exist once they are published; a clone does without
    const optionalDependencies = Object.fromEntries(PLATFORMS.map((platform) => [`@videoclip/${platform}`, version]));
    const peerDependencies = { ...rest.peerDependencies, "@videoclip/cuda": version };
    const peerDependenciesMeta = { ...rest.peerDependenciesMeta, "@videoclip/cuda": { optional: true } };
    const { scripts: _, devDependencies: __, ...kept } = rest;
    const packed = { ...kept, version, files, optionalDependencies, peerDependencies, peerDependenciesMeta };
    writeFileSync(join(folder, "package.json"), `${JSON.stringify(packed, undefined, 2)}\n`);
  });
}

/** Packs files with a description under a name of the scope. */
function packFiles(destination, name, description, limits, files) {
  return pack(destination, (folder) => {
    const { version, license, author, engines } = manifest();
    for (const [file, from] of Object.entries({ ...files, LICENSE: join(root, "LICENSE"), "THIRD_PARTY.md": join(root, "THIRD_PARTY.md") })) cpSync(from, join(folder, file)); // prettier-ignore
    const names = Object.keys(files);
    const packed = {
      name: `@videoclip/${name}`,
      version,
      description,
      license,
      author,
      engines,
      ...limits,
      files: [...names, "THIRD_PARTY.md"],
    };
    writeFileSync(join(folder, "package.json"), `${JSON.stringify(packed, undefined, 2)}\n`);
    writeFileSync(join(folder, "README.md"), `# @videoclip/${name}\n\n${description} Install \`videoclip\`.\n`);
  });
}

/** Packs the addon of a platform. */
export function packPlatform(
  destination,
  platform = `${process.platform}-${process.arch}`,
  addon = join(root, "build/Release/videoclip.node"),
) {
  const [os, cpu] = platform.split("-");
  const limits = { os: [os], cpu: [cpu], ...(os === "linux" ? { libc: ["glibc"] } : {}) };
  const stripped = mkdtempSync(join(tmpdir(), "videoclip-strip-"));
  try {
    const file = join(stripped, "videoclip.node");
    if (platform === `${process.platform}-${process.arch}`) placeAddon(addon, file);
    else copyFileSync(addon, file);
    return packFiles(destination, platform, `The native addon of videoclip for ${platform}.`, limits, {
      "videoclip.node": file,
    });
  } finally {
    rmSync(stripped, { recursive: true });
  }
}

/** Packs the kernels for GPUs. */
export const packCuda = (destination, file) =>
  packFiles(destination, "cuda", "The CUDA kernels of videoclip, for NVIDIA GPUs.", {}, { "videoclip.gpu": file });

/** Packs what this platform needs, from dist/ and a built addon: the main package and that of the platform. @returns paths of both */
export const packHere = (destination, addon) => [packMain(destination).path, packPlatform(destination, undefined, addon).path]; // prettier-ignore

/** A software bill of materials of the main package (CycloneDX), which does not change from one run to the next. */
function writeMaterials(destination) {
  const text = run("npm", "sbom", "--sbom-format", "cyclonedx", "--omit", "dev", "--package-lock-only");
  const { serialNumber: _, metadata, ...rest } = JSON.parse(text);
  const { timestamp: __, tools: ___, ...kept } = metadata;
  const { name, version } = manifest();
  const path = join(destination, `${name}-${version}.cdx.json`);
  writeFileSync(
    path,
    `${JSON.stringify({ ...rest, metadata: { ...kept, component: { ...kept.component, name } } }, undefined, 2)}\n`,
  );
  return path;
}

/** Packs everything that `scripts/prebuild.mjs` has made. */
function packAll(destination) {
  const packed = [packMain(destination)];
  for (const platform of PLATFORMS) {
    // made by scripts/prebuild.mjs, or by the cross compiler: node scripts/build.mjs --target linux-arm64
    const addon = [prebuiltOf(platform), `build/${platform}/Release/videoclip.node`]
      .map((path) => join(root, path))
      .find(existsSync);
    if (addon) packed.push(packPlatform(destination, platform, addon));
    else process.stderr.write(`${prebuiltOf(platform)} is missing: no package for ${platform}\n`);
  }
  if (existsSync(join(root, GPU_FILE))) packed.push(packCuda(destination, join(root, GPU_FILE)));
  else process.stderr.write(`${GPU_FILE} is missing: no package @videoclip/cuda\n`);
  process.stdout.write(`${writeMaterials(destination)}\n`);
  for (const { path, bytes } of packed) process.stdout.write(`${(bytes / 1e6).toFixed(2)} MB  ${path}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) packAll(resolve(process.argv[2] ?? "build/packages"));
