// What scripts/check_deploy.mjs builds and runs. A case has
//   name      row of the table
//   build     commands, run in the folder where the tools and the package are installed
//   run       the command whose output decides; `next` starts a server of Next.js instead and asks it
//   moved     the folder with the result runs elsewhere, and the package is gone from where it was
//   expected  "works", or the name of a sentence in lib/runtime/addon_error.ts
const tool = (name, ...args) => [`node_modules/.bin/${name}`, ...args];
const esbuild = (entry, format, ...rest) =>
  tool("esbuild", entry, "--bundle", "--platform=node", "--log-level=warning", `--format=${format}`, ...rest);
const node = (...args) => ["node", ...args];

/** The list; `doors` are the programs that load every entry of the package's exports. */
export function makeCases(doors) {
  const permission = process.allowedNodeEnvironmentFlags.has("--permission")
    ? "--permission"
    : "--experimental-permission";
  return [
    { name: "Node.js, import", run: node("conv.mjs"), expected: "works" },
    { name: "Node.js, require", run: node("conv.cjs"), expected: "works" },
    { name: "Node.js, import of every door", run: node(doors.esm), expected: "works" },
    { name: "Node.js, require of every door", run: node(doors.cjs), expected: "works" },
    { name: "Node.js, --no-addons", run: node("--no-addons", "conv.mjs"), expected: "forbidden" },
    { name: `Node.js, ${permission}`, run: node(permission, "--allow-fs-read=*", "conv.mjs"), expected: "forbidden" },
    {
      name: "esbuild esm, external",
      build: [esbuild("conv.mjs", "esm", "--external:videoclip", "--outfile=out/esbuild/external.mjs")],
      run: node("out/esbuild/external.mjs"),
      expected: "works",
    },
    {
      name: "esbuild cjs, external",
      build: [esbuild("conv.mjs", "cjs", "--external:videoclip", "--outfile=out/esbuild/external.cjs")],
      run: node("out/esbuild/external.cjs"),
      expected: "works",
    },
    {
      name: "esbuild esm, bundled",
      build: [esbuild("conv.mjs", "esm", "--outfile=out/esbuild_esm/main.mjs")],
      moved: "out/esbuild_esm",
      run: node("main.mjs"),
      expected: "bundled",
    },
    {
      name: "esbuild cjs, bundled",
      build: [esbuild("conv.mjs", "cjs", "--outfile=out/esbuild_cjs/main.cjs")],
      moved: "out/esbuild_cjs",
      run: node("main.cjs"),
      expected: "bundled",
    },
    {
      name: "esbuild cjs, every door bundled",
      build: [esbuild(doors.cjs, "cjs", "--outfile=out/esbuild_doors/main.cjs", "--log-level=error")],
      moved: "out/esbuild_doors",
      run: node("main.cjs"),
      expected: "works",
    },
    {
      name: "webpack, external",
      build: [node("build_webpack.mjs", "conv.mjs", "out/webpack", "external")],
      run: node("out/webpack/main.mjs"),
      expected: "works",
    },
    {
      name: "webpack, bundled",
      build: [node("build_webpack.mjs", "conv.mjs", "out/webpack_bundled", "bundled")],
      moved: "out/webpack_bundled",
      run: node("main.mjs"),
      expected: "bundled",
    },
    {
      name: "webpack, every door bundled",
      build: [node("build_webpack.mjs", doors.esm, "out/webpack_doors", "bundled")],
      moved: "out/webpack_doors",
      run: node("main.mjs"),
      expected: "works",
    },
    {
      name: "Rollup, external",
      build: [tool("rollup", "-i", "conv.mjs", "-o", "out/rollup/main.mjs", "-e", "videoclip/ops", "--silent")],
      run: node("out/rollup/main.mjs"),
      expected: "works",
    },
    {
      name: "Rollup, bundled",
      build: [
        tool(
          "rollup",
          "-i",
          "conv.mjs",
          "-o",
          "out/rollup_bundled/main.mjs",
          "-p",
          "node-resolve,commonjs",
          "--silent",
        ),
      ],
      moved: "out/rollup_bundled",
      run: node("main.mjs"),
      expected: "bundled",
    },
    {
      name: "Vite SSR",
      build: [tool("vite", "build", "--ssr", "conv.mjs", "--outDir", "out/vite", "--logLevel", "warn")],
      run: node("out/vite/conv.mjs"),
      expected: "works",
    },
    {
      name: "Vite SSR, ssr.noExternal",
      env: { VITE_MODE: "bundled" },
      build: [tool("vite", "build", "--ssr", "conv.mjs", "--outDir", "out/vite_bundled", "--logLevel", "warn")],
      moved: "out/vite_bundled",
      run: node("conv.mjs"),
      expected: "bundled",
    },
    {
      name: "Next.js standalone, serverExternalPackages",
      env: { NEXT_MODE: "external" },
      build: [tool("next", "build", "next")],
      moved: "next/.next-external/standalone",
      next: "next/server.js",
      expected: "works",
    },
    {
      name: "Next.js standalone, no configuration",
      env: { NEXT_MODE: "bundled" },
      build: [tool("next", "build", "next")],
      moved: "next/.next-bundled/standalone",
      next: "next/server.js",
      expected: "bundled",
    },
    {
      name: "Jest, default mode",
      run: tool("jest", "--config", "jest/jest.config.json", "conv.test.js"),
      expected: "works",
    },
    {
      name: "Jest, ES modules",
      env: { NODE_OPTIONS: "--experimental-vm-modules" },
      run: tool("jest", "--config", "jest/jest.config.json", "conv.test.mjs"),
      expected: "works",
    },
    { name: "Vitest", run: tool("vitest", "run", "--root", "vitest"), expected: "works" },
    {
      name: "Vitest, vmThreads",
      run: tool("vitest", "run", "--root", "vitest", "--pool", "vmThreads"),
      expected: "works",
    },
  ];
}
