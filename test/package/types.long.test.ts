// The types of the packed package pass strict checks in an empty folder: every door, with every module resolution.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { packMain } from "../../scripts/pack.mjs";

const test = suite("types of the package");
const folder = mkdtempSync(join(tmpdir(), "videoclip-types-"));
test.after(() => rmSync(folder, { recursive: true }));

const manifest = JSON.parse(readFileSync("package.json", "utf8"));
const doors = Object.keys(manifest.exports)
  .filter((door) => door !== "./package.json")
  .map((door) => `videoclip${door.slice(1)}`);

/** Installs the package as npm does, with its dependencies. */
function install(): void {
  const target = join(folder, "node_modules/videoclip");
  mkdirSync(target, { recursive: true });
  const { path } = packMain(folder);
  assert.is(spawnSync("tar", ["xzf", path, "-C", target, "--strip-components=1"]).status, 0);
  for (const name of [...Object.keys(manifest.dependencies), "@types/node", "undici-types"]) {
    mkdirSync(join(folder, "node_modules", dirname(name)), { recursive: true });
    symlinkSync(resolve("node_modules", name), join(folder, "node_modules", name));
  }
}

test.before(() => {
  install();
  const imports = doors.map((door, i) => `import * as door${i} from "${door}";\nvoid door${i};\n`).join("");
  const use = `
    import { createDevice, extract, loadVideoEncoder, resolvePreset, VideoClipError } from "videoclip";
    import { conv3d, type NDArray } from "videoclip/ops";
    export async function use(threads: number | undefined, signal: AbortSignal): Promise<void> {
      const encoder = await loadVideoEncoder({ model: "s3dg", randomWeights: 1, preset: resolvePreset("s3dg") });
      for await (const { feature } of extract(["a.mp4"], { encoder })) feature satisfies Float32Array;
      const x: NDArray = { shape: [1, 1, 1, 1, 1], data: new Float32Array(1) };
      (await conv3d(x, x, { signal })).data satisfies Float32Array;
      new VideoClipError("ERR_RUN", "x").code satisfies string;
      createDevice(threads === undefined ? {} : { threads, precision: "bf16" }).dispose();
      // @ts-expect-error no such model
      await loadVideoEncoder({ model: "resnet", preset: resolvePreset("s3d") });
      // @ts-expect-error a plain array is no NDArray
      await conv3d([1, 2], x);
    }`;
  writeFileSync(join(folder, "program.ts"), imports + use);
});

const STRICT = {
  noEmit: true,
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  target: "es2022",
  lib: ["es2023", "esnext.disposable"],
  types: ["node"],
};

for (const [name, options, type] of [
  ["module nodenext, ES module", { module: "nodenext" }, "module"],
  ["module nodenext, CommonJS", { module: "nodenext" }, "commonjs"],
  ["module node16, ES module", { module: "node16" }, "module"],
  ["module esnext, resolution of bundlers", { module: "esnext", moduleResolution: "bundler" }, "module"],
  ["resolution node10", { module: "commonjs", moduleResolution: "node10", esModuleInterop: true }, "commonjs"],
  ["with the DOM's types", { module: "nodenext", lib: [...STRICT.lib, "dom"] }, "module"],
  ["without Node's types", { module: "nodenext", lib: [...STRICT.lib, "dom"], types: [] }, "module"],
] as const) {
  test(name, () => {
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type }));
    const config = { compilerOptions: { ...STRICT, ...options }, files: ["program.ts"] };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
    const { status, stdout } = spawnSync(process.execPath, [resolve("node_modules/typescript/bin/tsc"), "-p", folder], {
      encoding: "utf8",
    });
    assert.is(status, 0, stdout);
  });
}

test.run();
