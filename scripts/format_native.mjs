// clang-format over native/ and bench/ladder/, or over the files that are given: `--check` fails on a difference, otherwise files are rewritten.
import { execFileSync } from "node:child_process";
import { chmodSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const platform = { linux: "linux_x64", darwin: "darwin_x64", win32: "win32" }[process.platform];
const tool = join(root, "node_modules/clang-format/bin", platform, "clang-format");
chmodSync(tool, 0o755);
const given = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const all = () =>
  ["native", "bench/ladder"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true })
      .filter((file) => /\.(h|cc|cu)$/.test(file))
      .map((file) => join(root, folder, file)),
  );
const files = given.length > 0 ? given : all();
let different = 0;
for (const file of files) {
  const text = readFileSync(file, "utf8");
  const formatted = execFileSync(tool, [file], { cwd: root, encoding: "utf8" });
  if (text === formatted) continue;
  different++;
  if (process.argv.includes("--check")) process.stderr.write(`${file} is not formatted; run: npm run format\n`);
  else writeFileSync(file, formatted);
}
process.exitCode = different > 0 && process.argv.includes("--check") ? 1 : 0;
