// node build_webpack.mjs ENTRY FOLDER external|bundled
import { resolve } from "node:path";
import webpack from "webpack";

const [entry, folder, mode] = process.argv.slice(2);
const options = {
  mode: "production",
  target: "node20",
  entry: resolve(entry),
  output: { path: resolve(folder), filename: "main.mjs", module: true, chunkFormat: "module" },
  experiments: { outputModule: true },
  externalsType: "module",
  externals: mode === "external" ? [/^videoclip(\/|$)/] : [],
};
webpack(options, (error, stats) => {
  process.stdout.write(`${error ?? stats.toString({ all: false, errors: true, warnings: true })}\n`);
  process.exitCode = error || stats.hasErrors() || stats.hasWarnings() ? 1 : 0;
});
