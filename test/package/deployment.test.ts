// The package explains a missing addon or worker file with the sentences of docs/deployment.md.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ADVICE } from "#lib/runtime/addon_error.js";
import { VERSION } from "#lib/base/version.js";

const test = suite("deployment");
const require = createRequire(import.meta.url);
const { sentence } = require("../../dist/commonjs.cjs") as { sentence: string };
const manifest = JSON.parse(readFileSync("package.json", "utf8"));
const folder = mkdtempSync(join(tmpdir(), "videoclip-deployment-"));
test.after(() => rmSync(folder, { recursive: true }));

interface Door {
  require: Record<string, string>;
  types: string;
  default: string;
}
const doors = Object.entries(manifest.exports as Record<string, Door | string>).flatMap(([door, entry]) =>
  typeof entry === "string" ? [] : [{ door, entry }],
);

const ADDON = `@videoclip/${process.platform}-${process.arch}/videoclip.node`;

/** A folder that contains the loader, as in a package with this name. */
function packageFolder(name: string, files: Record<string, string>): string {
  const root = mkdtempSync(join(folder, "package-"));
  for (const file of [
    "runtime/binding",
    "runtime/addon_error",
    "runtime/platform_package",
    "base/bundled",
    "base/errors",
  ]) {
    cpSync(`dist/${file}.js`, join(root, `dist/${file}.js`));
  }
  for (const [path, text] of Object.entries({ "package.json": JSON.stringify({ name, type: "module" }), ...files })) {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

/** The error of loading the addon of a folder. */
function load(root: string, ...options: string[]): { code: string; message: string } {
  const program = `import { loadAddon } from "./dist/runtime/binding.js";
    try { loadAddon(); } catch ({ code, message }) { console.log(JSON.stringify({ code, message })); }`;
  const args = [...options, "--input-type=module", "-e", program];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
  assert.ok(stdout, stderr);
  return JSON.parse(stdout);
}

test("docs/deployment.md has every sentence of the code", () => {
  const guide = readFileSync("docs/deployment.md", "utf8").replace(/\s+/g, " ");
  for (const text of [...Object.values(ADVICE), sentence]) assert.ok(guide.includes(`> ${text}`), text);
});

test("the sentences name the C library that the addon is built for", () => {
  const floor = /GLIBC_FLOOR = \[(\d+), (\d+)\]/.exec(readFileSync("scripts/prebuild.mjs", "utf8"))!;
  assert.ok(ADVICE.unsupported.includes(`glibc ${floor[1]}.${floor[2]}`));
});

test("the version equals that of package.json", () => {
  assert.is(VERSION, manifest.version);
});

for (const [name, packageName, files, advice, reason] of [
  ["a package without its addon", "videoclip", {}, ADVICE.missing, `${ADDON}: no such file`],
  [
    "an addon that does not load",
    "videoclip",
    { [`node_modules/${ADDON}`]: "no addon" },
    ADVICE.unsupported,
    `${ADDON}: `,
  ],
  ["a clone that was not built", "videoclip", { "CMakeLists.txt": "" }, ADVICE.clone, "videoclip.node: no such file"],
  ["a bundle", "somebody-elses-app", {}, ADVICE.bundled, "videoclip.node: no such file"],
] as [string, string, Record<string, string>, string, string][]) {
  test(`${name}: the error has the system, every path that was tried, and advice`, () => {
    const { code, message } = load(packageFolder(packageName, files));
    assert.is(code, "ERR_ADDON_MISSING");
    assert.ok(message.includes(`${process.platform}-${process.arch}`), message);
    assert.ok(message.includes(`Node ${process.versions.node}`), message);
    if (process.platform === "linux") assert.match(message, /glibc \d|musl/);
    assert.ok(message.includes(reason), message);
    assert.ok(message.endsWith(advice), message);
  });
}

test("Node without addons causes an error with advice", () => {
  assert.ok(load(resolve("."), "--no-addons").message.endsWith(ADVICE.forbidden));
});

test("an addon in the package made by scripts/pack.mjs is loaded", () => {
  const root = packageFolder("videoclip", { [`node_modules/${ADDON}`]: "" });
  cpSync("build/Release/videoclip.node", join(root, "node_modules", ADDON));
  const program = `import { loadAddon } from "./dist/runtime/binding.js"; console.log(loadAddon().path);`;
  const args = ["--input-type=module", "-e", program];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
  assert.ok(stdout.trim().endsWith(ADDON), stderr);
});

test("a bundle in either format fails with the sentence at the addon and at a worker, and not at its import", () => {
  const video = join(folder, "video.png");
  writeFileSync(video, "\x89PNG\r\n\x1a\n", "latin1"); // enough bytes for the decoder
  const esbuild = resolve("node_modules/esbuild/bin/esbuild");
  for (const format of ["esm", "cjs"]) {
    const file = join(folder, `bundle-${format}`, format === "esm" ? "main.mjs" : "main.cjs");
    const all = doors.map(
      ({ entry }, i) => `import * as door${i} from "${entry.default}"; globalThis.door${i} = door${i};`,
    );
    const program = `${all.join("")} import { openVideo } from "./dist/index.js"; import { conv3d } from "./dist/ops.js";
      const one = { shape: [1, 1, 1, 1, 1], data: new Float32Array(1) };
      const calls = [conv3d(one, one), openVideo(process.argv[2], { preset: "shapes", decoder: "node-av" })];
      Promise.allSettled(calls).then((all) => console.log(JSON.stringify(all.map(({ reason }) => [reason.code, reason.message]))));`;
    const options = ["--bundle", "--platform=node", `--format=${format}`, `--outfile=${file}`, "--log-level=error"];
    const external = ["--external:node-av", "--external:node-av/*", "--external:@resvg/resvg-wasm"];
    const build = spawnSync(esbuild, [...options, ...external], { input: program, encoding: "utf8" });
    assert.is(build.status, 0, build.stderr);
    const { stdout, stderr } = spawnSync(process.execPath, [file, video], { encoding: "utf8" });
    assert.ok(stdout, stderr);
    const [addon, worker] = JSON.parse(stdout);
    assert.is(addon[0], "ERR_ADDON_MISSING");
    assert.ok(addon[1].endsWith(ADVICE.bundled), addon[1]);
    assert.equal(worker, ["ERR_BUNDLED", ADVICE.bundled]);
  }
});

test("every door has types, an ES module and a CommonJS file, in the order that tools read", () => {
  for (const { door, entry } of doors) {
    assert.equal(Object.keys(entry), ["require", "types", "default"], door);
    assert.equal(Object.keys(entry.require), ["types", "module-sync", "module", "default"], door);
    const files = [...Object.values(entry.require), entry.types, entry.default];
    for (const file of files) assert.ok(existsSync(file), `${door}: there is no ${file} (npm run build)`);
  }
});

test("require() gives the names of the ES module, from a plain name and through the CommonJS file", () => {
  for (const { door, entry } of doors) {
    const name = `videoclip${door.slice(1)}`;
    const program = `const names = (id) => Object.keys(require(id)).join();
      import("${name}").then((m) => console.log(names("${name}") === names("${entry.require.default}") && names("${name}") === Object.keys(m).join()));`;
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=commonjs", "-e", program], {
      encoding: "utf8",
    });
    assert.is(stdout, "true\n", `${door}: ${stderr}`);
  }
});

test("a require() without ES modules fails with the sentence", () => {
  const program = `try { require("videoclip/ops"); } catch ({ code, message }) { console.log(JSON.stringify([code, message])); }`;
  const args = ["--no-experimental-require-module", "--input-type=commonjs", "-e", program];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  assert.ok(stdout, stderr);
  assert.equal(JSON.parse(stdout), ["ERR_REQUIRE_ESM", `ERR_REQUIRE_ESM: ${sentence}`]);
});

test.run();
