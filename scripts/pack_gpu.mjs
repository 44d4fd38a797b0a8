// node scripts/pack_gpu.mjs: collects the files that scripts/gpu.sh needs on a machine with a driver, even without
// nvcc: tests and benches as plain JavaScript in build/gpu, and the addon. Node is found there, or copied (NODE=...).
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const { build } = createRequire(join(root, "node_modules/tsx/package.json"))("esbuild");
const out = join(root, "build/gpu");
rmSync(out, { recursive: true, force: true });
// as in a package: dist/ next to build/Release/, where the loader searches
mkdirSync(join(out, "build/Release"), { recursive: true });
copyFileSync(join(root, "build/Release/videoclip.node"), join(out, "build/Release/videoclip.node"));
writeFileSync(join(out, "package.json"), '{ "name": "videoclip", "type": "module" }\n');
await build({
  absWorkingDir: root,
  entryPoints: {
    conformance: "test/ops/conformance_cuda.emulator.test.ts",
    runtime: "test/runtime/gpu_runtime.emulator.test.ts",
    networks: "test/models/gpu.emulator.test.ts",
    bench: "bench/gpu/main.ts",
    doctor: "dist/cli/main.js",
  },
  outdir: join(out, "dist"),
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
copyFileSync(join(root, "bench/gpu/torch_gpu.py"), join(out, "dist/torch_gpu.py"));
process.stdout.write("build/gpu\n");
