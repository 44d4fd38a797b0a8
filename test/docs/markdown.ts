// The markdown documents of the repository: their code blocks, inline code, links and anchors.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { marked, type Token } from "marked";

/** Folders without documents of the repository. */
const IGNORED = ["node_modules", "dist", "build", "prebuilds", "demo", ".git", "api", "fixtures", "run"];

/** A fenced code block. The info string is `language` followed by words, such as `sh norun` or `json run.json`. */
export interface Block {
  language: string;
  /** Checked, but not executed. */
  norun: boolean;
  /** Appended to the previous block. */
  continues: boolean;
  /** The file that the block is written to, if its info string names one. */
  file: string | undefined;
  text: string;
  line: number;
}

export interface Placed {
  text: string;
  line: number;
}

export interface MarkdownDocument {
  /** Relative to the root of the repository. */
  path: string;
  text: string;
  blocks: Block[];
  /** Inline code, with the heading above it. */
  code: (Placed & { heading: string })[];
  /** Targets of links and images. */
  links: Placed[];
  /** Valid targets of `#...`. */
  anchors: Set<string>;
}

/** Every markdown file below `root`, by its relative path. */
export function readDocuments(root: string): MarkdownDocument[] {
  const search = (folder: string): string[] =>
    readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return IGNORED.includes(entry.name) ? [] : search(path);
      return entry.name.endsWith(".md") ? [path] : [];
    });
  return search("")
    .sort()
    .map((path) => parseMarkdown(path, readFileSync(join(root, path), "utf8")));
}

export function parseMarkdown(path: string, text: string): MarkdownDocument {
  const document: MarkdownDocument = { path, text, blocks: [], code: [], links: [], anchors: new Set() };
  let line = 1;
  let heading = "";
  for (const token of marked.lexer(text)) {
    if (token.type === "heading") {
      heading = plainText(token);
      addAnchor(document.anchors, heading);
    }
    marked.walkTokens([token], (inner) => add(document, inner, line + linesBefore(token.raw, inner.raw), heading));
    line += lineBreaks(token.raw);
  }
  return document;
}

function add(document: MarkdownDocument, token: Token, line: number, heading: string): void {
  if (token.type === "code" && token.codeBlockStyle !== "indented") document.blocks.push(blockOf(token, line));
  if (token.type === "codespan") document.code.push({ text: token.text, line, heading });
  if (token.type === "link" || token.type === "image") document.links.push({ text: token.href, line });
}

function blockOf(token: Token, line: number): Block {
  const { lang, text } = token as { lang?: string; text: string };
  const [language, ...words] = (lang ?? "").split(/\s+/);
  return {
    language,
    norun: words.includes("norun"),
    continues: words.includes("continues"),
    file: words.find((word) => word.includes(".")),
    text,
    line,
  };
}

/** The words of a heading without its markup. */
function plainText(token: Token): string {
  let text = "";
  marked.walkTokens("tokens" in token && token.tokens ? token.tokens : [], (inner) => {
    if (inner.type === "codespan" || (inner.type === "text" && !("tokens" in inner && inner.tokens)))
      text += inner.text;
  });
  return text;
}

/** As GitHub makes anchors: lower case, no punctuation, hyphens for spaces, a number after a repeated name. */
function addAnchor(anchors: Set<string>, heading: string): void {
  const slug = heading
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, "")
    .replaceAll(" ", "-");
  let name = slug;
  for (let i = 1; anchors.has(name); i++) name = `${slug}-${i}`;
  anchors.add(name);
}

const lineBreaks = (text: string): number => text.split("\n").length - 1;

/** Lines of `outer` before `inner` begins. */
function linesBefore(outer: string, inner: string): number {
  const at = outer.indexOf(inner);
  return at < 0 ? 0 : lineBreaks(outer.slice(0, at));
}
