// Every code block of the documents runs, or is checked if it cannot run.
import { join, resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { commandMakers } from "./command_tree.js";
import { parseMarkdown, readDocuments } from "./markdown.js";
import { runBlocks } from "./run_blocks.js";
import { StandIns } from "./stand_ins.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("code blocks of documents");
const temporary = temporaryFolder("docs");
const root = resolve(".");
const makers = await commandMakers(root);
const surroundings = { root, temporary, makers, standIns: new StandIns(join(temporary, "stand_ins")) };
const decodes = await import("node-av/api").then(
  () => true,
  () => false,
);
// with arguments, only these documents: `node --import tsx test/docs/blocks.long.test.ts README.md`
const only = process.argv.slice(2);
/** test/examples/stages.long.test.ts runs this document and checks its results. */
const ELSEWHERE = "configs/README.md";
const documents = readDocuments(root).filter(({ path }) =>
  only.length === 0 ? path !== ELSEWHERE : only.includes(path),
);

let norun = 0;
for (const document of documents.filter(({ blocks }) => blocks.length > 0)) {
  test(document.path, async () => {
    if (!decodes && document.blocks.some(({ text }) => /\bvideos?\/|\.mp4\b/.test(text))) {
      process.stdout.write(`SKIP ${document.path}: its videos need node-av\n`);
      return;
    }
    const outcome = await runBlocks(document, surroundings);
    norun += outcome.norun;
    process.stdout.write(`${document.path}: ${outcome.ran} blocks run, ${outcome.norun} checked only\n`);
    assert.is(outcome.failures.length, 0, outcome.failures.join("\n\n"));
  });
}

const broken = (name: string, fence: string, code: string): string[] => [name, fence, code];
for (const [name, fence, code, expected] of [
  [...broken("a command that fails", "sh", "true\nfalse\ntrue"), "exit code 1"],
  [...broken("an npm script that does not exist", "sh", "npm run nothing"), "no such script"],
  [...broken("an unknown package", "sh", "npm install videoclips"), "not a package"],
  [...broken("a js module that throws", "js", "throw new Error('this one');"), "this one"],
  [...broken("an import that does not exist", "js norun", "import { nothing } from 'videoclip';"), "TS2305"],
  [...broken("a wrong type", "ts norun", "const a: number = 'one';"), "TS2322"],
  [...broken("broken json", "json", "{ a: 1 }"), "JSON"],
  [...broken("an unknown key of a run", "json", '{ "task": "contrastive", "epoch": 1 }'), "epoch"],
  [
    ...broken("an unknown option", "sh norun", "for i in 0 1; do videoclip extract v --out x --shart $i/2; done"),
    "--shart",
  ],
  [
    ...broken("a value that an option does not accept", "sh norun", "nice npx videoclip extract v --out x --fps many"),
    "number",
  ],
  [...broken("an unknown language", "jss", "1"), "jss"],
] as const) {
  test(`${name} is reported`, async () => {
    const document = parseMarkdown(`${name}.md`, `# Broken\n\n\`\`\`${fence}\n${code}\n\`\`\`\n`);
    const { failures } = await runBlocks(document, surroundings);
    assert.is(failures.length, 1, failures.join("\n"));
    assert.match(failures[0], `${name}.md:3: `);
    assert.ok(failures[0].includes(expected), failures[0]);
  });
}

test("the number of blocks that are not executed is printed", () => {
  process.stdout.write(`${norun} code blocks are not executed\n`);
});

test.run();
