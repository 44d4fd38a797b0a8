// Refuses words and phrases of scripts/lint/word_list.mjs in code, comments, messages and pages.
// Usage: node scripts/lint/words.mjs [FOLDER OR FILE...]   (default: everything that is linted)
import { readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { RULES } from "./word_list.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const FOLDERS = ["lib", "native", "docs", "bench", "scripts", "test", "README.md", "CONTRIBUTING.md"];
const CODE = new Set([".ts", ".cts", ".mts", ".mjs", ".cc", ".h", ".cu", ".cuh"]);
/** Generated files, and files that quote the words. */
const SKIPPED =
  /^(docs\/api\/|bench\/results\/|scripts\/lint\/(word_list|words)\.mjs$|test\/(fixtures\/|architecture\/words\.test\.ts$))|node_modules/;

/** Comments and strings; everything else is code. */
const TOKEN = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/g;

function* filesOf(path) {
  if (!statSync(path).isDirectory()) {
    yield path;
    return;
  }
  for (const name of readdirSync(path).sort()) yield* filesOf(join(path, name));
}

const blank = (text) => text.replace(/[^\n]/g, " ");

/**
 * Splits a file into code and prose of the same length, so that positions give line numbers; the other part is blank.
 */
function split(text, isCode) {
  if (!isCode) return { names: "", prose: text };
  let [names, prose, last] = ["", "", 0];
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    const code = text.slice(last, index);
    names += code + blank(token);
    prose += blank(code) + token;
    last = index + token.length;
  }
  return { names: names + text.slice(last), prose: prose + blank(text.slice(last)) };
}

/** Joins the lines of comments, so that a phrase may continue on the next line; positions do not change. */
const joined = (prose) => prose.replace(/\n[ \t]*(\/\/|\*)?/g, (found) => " ".repeat(found.length));

const lineOf = (text, index) => text.slice(0, index).split("\n").length;

/** Whether a name is a deprecated alias: its line, or the line before it, has `@deprecated`. */
function isAlias(lines, line) {
  return lines.slice(Math.max(0, line - 2), line).some((text) => text.includes("@deprecated"));
}

/** @returns messages `file:line: "found": write ...` */
function check(file) {
  const path = relative(root, file).replaceAll("\\", "/");
  const isCode = CODE.has(extname(file));
  if (SKIPPED.test(path) || !(isCode || path.endsWith(".md"))) return [];
  const text = readFileSync(file, "utf8");
  const lines = text.split("\n");
  const parts = split(text, isCode);
  const prose = joined(parts.prose).replace(/ {2,}/g, (spaces) => ` ${"\0".repeat(spaces.length - 1)}`);
  const searched = { names: parts.names, prose };
  return RULES.flatMap(({ find, instead, of, files }) => {
    if (files && !files.test(path)) return [];
    const spaced =
      of === "prose"
        ? new RegExp(find.source.replaceAll(" ", " \\0*"), `${find.flags}g`)
        : new RegExp(find, `${find.flags}g`);
    return [...searched[of].matchAll(spaced)].flatMap(({ 0: found, index }) => {
      const line = lineOf(text, index);
      if (of === "names" && isAlias(lines, line)) return [];
      return [`${path}:${line}: "${found.replaceAll("\0", "")}": write ${instead}`];
    });
  });
}

const given = process.argv.slice(2);
const messages = (given.length > 0 ? given : FOLDERS.map((name) => join(root, name))).flatMap((path) =>
  [...filesOf(path)].flatMap(check),
);
if (messages.length > 0) {
  console.error(
    `${messages.join("\n")}\n${messages.length} words that docs/glossary.md replaces; see scripts/lint/word_list.mjs`,
  );
  process.exit(1);
}
