// Every reference in the documents is valid: files, headings, npm scripts, commands with their options, paths.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { commandMakers, commandTree } from "./command_tree.js";
import {
  brokenLinks,
  ignoredPaths,
  missingPaths,
  repositoryPaths,
  unknownCommands,
  unknownScripts,
  unlinkedDocuments,
} from "./document_checks.js";
import { parseMarkdown, readDocuments } from "./markdown.js";
import { videoclip } from "../support/command_line.js";

const test = suite("documents");
const root = resolve(".");
const documents = readDocuments(root);
const paths = repositoryPaths(root);
const ignored = ignoredPaths(root);
const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as { scripts: Record<string, string> };
const program = commandTree(await commandMakers(root));
const README_LINES = 130;

const none = (problems: string[]) => assert.is(problems.length, 0, problems.join("\n"));

test("links lead to files and headings", () => none(brokenLinks(documents, paths)));

test("every document in docs/ is linked from a README", () => none(unlinkedDocuments(documents)));

test("the README is short", () => {
  const lines = readFileSync("README.md", "utf8").trimEnd().split("\n").length;
  assert.ok(lines <= README_LINES, `README.md: expected at most ${README_LINES} lines, received ${lines}`);
});

test("npm scripts exist", () => none(unknownScripts(documents, scripts)));

test("commands and options exist", () => none(unknownCommands(documents, program)));

test("paths in inline code exist", () => none(missingPaths(documents, paths, ignored)));

test("CI runs the set-up commands of the README", () => {
  const ci = readFileSync(".ci/run", "utf8").split("\n");
  const readme = documents.find(({ path }) => path === "README.md")!;
  const commands = readme.blocks
    .filter(({ language }) => language === "sh")
    .flatMap(({ text }) => text.match(/\bnpm (ci|test|run [\w:-]+)/g) ?? []);
  assert.ok(commands.includes("npm ci") && commands.includes("npm run demo") && commands.includes("npm test"));
  // the full tests include those of `npm test`
  assert.is(scripts["test:full"], `${scripts.test} --full`.replace("--emulator", "--full"));
  for (const command of commands) {
    const runs = ci.includes(command) || (command === "npm test" && ci.includes("npm run test:full"));
    assert.ok(runs, `.ci/run does not run ${command}`);
  }
});

test("the commands that these tests know are the commands of the program", () => {
  const { stdout } = videoclip("--help");
  const listed = [...stdout.split("Commands:")[1].matchAll(/^ {2}([a-z][\w-]*)/gm)].map(([, name]) => name);
  const known = program.commands.map((command) => command.name());
  assert.equal(listed.filter((name) => name !== "help").sort(), known.sort());
});

/** A document in docs/ with this text. */
const page = (text: string) => [parseMarkdown("docs/page.md", text)];

test("every kind of broken reference is reported", () => {
  const reported = (problems: string[], ...expected: string[]) => {
    assert.is(problems.length, expected.length, problems.join("\n"));
    expected.forEach((text, i) => assert.ok(problems[i].includes(text), `${problems[i]}: expected ${text}`));
  };
  const links =
    "# One two\n\n[a](#one-two) [b](#three)\n[c](../lib/base/errors.ts) [d](nowhere.md) [e](https://example.org)";
  reported(brokenLinks(page(links), paths), "docs/page.md:3: #three", "docs/page.md:4: nowhere.md");
  reported(unlinkedDocuments([...documents, ...page("")]), "docs/page.md");
  const scriptsOf = "`npm run build` `npm run nothing`\n\n```sh\nnpm run void && npm test\n```";
  reported(unknownScripts(page(scriptsOf), scripts), "docs/page.md:1: npm run nothing", "docs/page.md:4: npm run void");
  const commands =
    "`videoclip extract --out x` `videoclip extract --in x` `videoclip extract | index | finds` `videoclip data sort`\n\n" +
    "```sh\nnpx videoclip extract a \\\n  --outt b && true | videoclip search\nvideoclip serch # --no\n```\n\n" +
    "## videoclip index\n\n`--out`, `--into`";
  reported(
    unknownCommands(page(commands), program),
    "1: videoclip extract --in x: extract has no --in",
    "1: videoclip extract | index | finds: there is no command finds",
    "1: videoclip data sort: there is no command sort",
    "4: videoclip extract a --outt b: extract has no --outt",
    "6: videoclip serch: there is no command serch",
    "11: videoclip --into: index has no --into",
  );
  const inCode =
    "`lib/base/errors.ts` `lib/error.ts` `node scripts/nothing.mjs` `lib/base/{errors,files}.ts` `native/cuda/<family>/<op>.cu` `dist/index.js`";
  reported(missingPaths(page(inCode), paths, ignored), "no lib/error.ts", "no scripts/nothing.mjs");
});

test.run();
