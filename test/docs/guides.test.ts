// The guides for contributors name files, folders and tables that exist.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { root } from "../../scripts/lint/syntax.js";

const test = suite("guides");
const guides = ["CONTRIBUTING.md", "docs/adding_a_model.md", "docs/adding_an_op.md", "docs/native_kernels.md"];
const text = (file: string) => readFileSync(join(root, file), "utf8");

/** Names of files and folders in code, such as `lib/compile/plan.ts`, without patterns and placeholders. */
function paths(guide: string): string[] {
  const found = [...text(guide).matchAll(/`((?:lib|native|test|scripts|docs|bench|cuda|cpu|runtime)\/[\w./]+)`/g)];
  return found.map((match) => match[1]).filter((path) => !/NAME|FILE/.test(path));
}

/** Kernel sources are named by their include path. */
const exists = (path: string) =>
  ["", "native", "native/cpp", "native/cuda"].some((folder) => existsSync(join(root, folder, path)));

for (const guide of guides) {
  test(`${guide}: the files, folders and tables that it names exist`, () => {
    assert.equal(
      paths(guide).filter((path) => !exists(path)),
      [],
    );
  });

  test(`${guide}: its links lead to files`, () => {
    const links = [...text(guide).matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map((match) => match[1]);
    const local = links.filter((link) => !link.startsWith("https://"));
    assert.equal(
      local.filter((link) => !existsSync(join(root, dirname(guide), link))),
      [],
    );
  });
}

test("the facts of an op that the guide names are fields of a definition", () => {
  const section = text("docs/adding_an_op.md")
    .split("\n## ")
    .find((part) => part.startsWith("4. The facts that passes, planner and tests read"))!;
  const rows = [...section.matchAll(/^\| (`\w+`[^|]*) \|[^|]*\|[^|]*\|$/gm)];
  const fields = rows.flatMap(([, cell]) => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name));
  assert.ok(fields.length >= 12, `${fields.length} fields`);
  const definition = text("lib/graph/tensor.ts");
  for (const name of fields) assert.match(definition, new RegExp(`^  ${name}\\??[:(]`, "m"), name);
});

test("scripts that the guides run are in package.json", () => {
  const { scripts } = JSON.parse(text("package.json")) as { scripts: Record<string, string> };
  for (const guide of guides) {
    for (const [, name] of text(guide).matchAll(/npm run ([\w:-]+)/g)) assert.ok(name in scripts, `${guide}: ${name}`);
  }
});

test.run();
