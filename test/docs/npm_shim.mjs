// Replaces `npm` while the code blocks of documents run: installs and builds nothing, but fails for an unknown script
// or package of this repository. Usage: node npm_shim.mjs ARGUMENTS OF NPM
import { readFileSync } from "node:fs";

const read = (path) => JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), "utf8"));
const own = read("package.json");
const peers = read("bench/package.json");
const packages = new Set([
  own.name,
  ...[own, peers].flatMap((p) =>
    ["dependencies", "devDependencies", "peerDependencies"].flatMap((kind) => Object.keys(p[kind] ?? {})),
  ),
]);

function fail(message) {
  process.stderr.write(`npm: ${message}\n`);
  process.exit(1);
}

const [command, ...rest] = process.argv.slice(2);
const words = rest.filter((word) => !word.startsWith("-"));
if (["install", "i", "add"].includes(command)) {
  for (const word of words.map((w) => w.replace(/(?!^)@[^/]*$/, ""))) {
    if (!packages.has(word) && !word.endsWith(".tgz"))
      fail(`install ${word}: not a package that this repository names`);
  }
} else if (["run", "run-script", "test", "start"].includes(command)) {
  const script = command.startsWith("run") ? words[0] : command;
  if (!own.scripts[script]) fail(`run ${script}: package.json has no such script`);
} else if (!["ci", "init", "pack", "link"].includes(command)) {
  fail(`${command}: documents name ci, install, run and test`);
}
