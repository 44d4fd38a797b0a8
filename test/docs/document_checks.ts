// Checks the references of documents: files, anchors, npm scripts, commands and their options. Each check returns lines
// `document:line: problem`.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import type { Command } from "commander";
import { findCommand, hasOption } from "./command_tree.js";
import type { MarkdownDocument, Placed } from "./markdown.js";

/** Whether a path is in a folder that `.gitignore` names, so that it is generated. */
export function ignoredPaths(root: string): (path: string) => boolean {
  const lines = readFileSync(join(root, ".gitignore"), "utf8").split("\n");
  const folders = [".git", ...lines.filter((line) => line.endsWith("/")).map((line) => line.slice(0, -1))];
  return (path) =>
    folders.some((folder) =>
      folder.includes("/") ? `${path}/`.startsWith(`${folder}/`) : path.split("/").includes(folder),
    );
}

/** Relative paths of all files and folders of the repository. */
export function repositoryPaths(root: string): Set<string> {
  const paths = new Set<string>();
  const ignored = ignoredPaths(root);
  const visit = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (ignored(path)) continue;
      paths.add(path);
      if (entry.isDirectory()) visit(path);
    }
  };
  visit("");
  return paths;
}

/** Links to files, folders or headings that do not exist. */
export function brokenLinks(documents: readonly MarkdownDocument[], paths: ReadonlySet<string>): string[] {
  const anchors = new Map(documents.map((document) => [document.path, document.anchors]));
  return documents.flatMap((document) =>
    document.links
      .filter(({ text }) => !/^[a-z]+:/.test(text))
      .flatMap(({ text, line }) => {
        const [file, anchor] = decodeURI(text).split("#");
        const target = file === "" ? document.path : normalize(join(dirname(document.path), file)).replace(/\/$/, "");
        if (file !== "" && target !== "." && !paths.has(target))
          return [`${document.path}:${line}: ${text}: ${target} does not exist`];
        if (!anchor || !anchors.has(target) || anchors.get(target)!.has(anchor)) return [];
        return [`${document.path}:${line}: ${text}: ${target} has no heading #${anchor}`];
      }),
  );
}

/** Documents in `docs/` without a link from a README. */
export function unlinkedDocuments(documents: readonly MarkdownDocument[]): string[] {
  const linked = new Set(
    documents
      .filter(({ path }) => path === "README.md" || path === "docs/README.md")
      .flatMap(({ path, links }) => links.map(({ text }) => normalize(join(dirname(path), text.split("#")[0])))),
  );
  return documents
    .map(({ path }) => path)
    .filter((path) => path.startsWith("docs/") && path !== "docs/README.md" && !linked.has(path));
}

/** Inline code, and the lines of code blocks joined with their continuations after `\`. */
function codeOf(document: MarkdownDocument): Placed[] {
  const lines = document.blocks.flatMap(({ text, line, language }) => {
    if (!["sh", "text"].includes(language)) return [];
    let at = line;
    return text.split(/(?<!\\)\n/).map((logical) => {
      const placed = { text: logical.replaceAll("\\\n", " "), line: at + 1 };
      at += logical.split("\n").length;
      return placed;
    });
  });
  return [...document.code, ...lines];
}

/** `npm run NAME` and `npm test` of scripts that do not exist. */
export function unknownScripts(documents: readonly MarkdownDocument[], scripts: Record<string, string>): string[] {
  return documents.flatMap((document) =>
    codeOf(document).flatMap(({ text, line }) =>
      [...text.matchAll(/\bnpm (?:run ([\w:-]+)|(test|start)\b)/g)]
        .map(([, run, short]) => run ?? short)
        .filter((name) => !scripts[name] && !/^[A-Z]+$/.test(name))
        .map((name) => `${document.path}:${line}: npm run ${name}: there is no such script`),
    ),
  );
}

/** Commands and options that `videoclip` does not have. */
export function unknownCommands(documents: readonly MarkdownDocument[], program: Command): string[] {
  return documents.flatMap((document) => {
    const wrong = codeOf(document).flatMap(({ text, line }) =>
      segmentsOf(text).flatMap((words) => unknownWords(program, words).map((error) => ({ line, error }))),
    );
    const options = document.code.flatMap(({ text, line, heading }) => {
      const { command, used } = findCommand(program, heading.replace(/^videoclip /, "").split(" "));
      if (used === 0 || !text.startsWith("--")) return [];
      return unknownWords(command, text.split(/[\s|,]+/)).map((error) => ({ line, error }));
    });
    return [...wrong, ...options].map(({ line, error }) => `${document.path}:${line}: ${error}`);
  });
}

/** The words behind each `videoclip` at the beginning of a command. Alternatives are kept: `extract | index`. */
function segmentsOf(text: string): string[][] {
  const alternatives = /^(npx )?videoclip [^&;]*\|/.test(text) && !/[<>]|\| (?!-|[\w-]+( \||$))/.test(text);
  const parts = text.replace(/(^|\s)#.*$/, "").split(alternatives ? /&&|;/ : /&&|\|\||[;|]/);
  return parts.flatMap((part) => {
    const found = /^\s*(?:[A-Z_]+=\S+ )*(?:npx )?videoclip\s+(.*)$/s.exec(part);
    return found ? [found[1].trim().split(/\s+/)] : [];
  });
}

function unknownWords(program: Command, words: readonly string[]): string[] {
  const { command, used } = findCommand(program, words);
  const parent = command.parent ?? command;
  const wrong: string[] = [];
  words.slice(used).forEach((word, i) => {
    const [option] = word.split(/[=|]/);
    const other = words[used + i - 1] === "|";
    if (/^--?[a-z]/.test(option)) {
      if (!hasOption(command, option)) wrong.push(`videoclip ${words.join(" ")}: ${command.name()} has no ${option}`);
    } else if (/^[a-z][a-z-]*$/.test(word) && ((i === 0 && command.commands.length > 0) || other)) {
      const under = other ? parent : command;
      if (findCommand(under, [word]).used === 0)
        wrong.push(`videoclip ${words.join(" ")}: there is no command ${word}`);
    }
  });
  return wrong;
}

/**
 * Paths in inline code that begin with a folder of the repository and do not exist. `<op>`, `NAME` and `*` stand for
 * any text.
 */
export function missingPaths(
  documents: readonly MarkdownDocument[],
  paths: ReadonlySet<string>,
  ignored: (path: string) => boolean,
): string[] {
  const folders = new Set([...paths].flatMap((path) => (path.includes("/") ? [path.split("/")[0]] : [])));
  return documents.flatMap((document) =>
    document.code.flatMap(({ text, line }) =>
      text
        .split(/[\s;:]+|,(?![^{]*})/)
        .map((word) => word.replace(/[.)/]+$/, "").replace(/^dist\/(.*?)(\.d)?\.[jt]s$/, "lib/$1.ts"))
        .filter((word) => word.includes("/") && folders.has(word.split("/")[0]) && !ignored(word))
        .filter((word) => ![...paths].some((path) => patternOf(word).test(path)))
        .map((word) => `${document.path}:${line}: \`${text}\`: there is no ${word}`),
    ),
  );
}

function patternOf(word: string): RegExp {
  const pattern = word
    .replace(/[.+()[\]\\^$?|]/g, "\\$&")
    .replace(/<[^>]+>|(?<![\w.-])[A-Z_]+(?![\w-])/g, "[^/]+")
    .replace(/\*+/g, (stars) => (stars.length > 1 ? ".*" : "[^/]*"))
    .replace(/\{([^}]*)\}/g, (_, names: string) => `(${names.replaceAll(",", "|")})`);
  return new RegExp(`^${pattern}$`);
}
