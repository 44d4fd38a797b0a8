// Type-checks the code blocks of a document: ts strictly, js only for errors that are certain.
import { join } from "node:path";
import ts from "typescript";
import type { Block } from "./markdown.js";

/**
 * Errors that are reported in js: names that modules do not export, unknown members and options, wrong numbers of
 * arguments.
 */
const IN_JS = new Set([2305, 2307, 2339, 2353, 2551, 2554, 2555, 2561, 2614, 2724]);
const CANNOT_FIND_NAME = 2304;
const CANNOT_FIND_MODULE = 2307;

const sources = new Map<string, ts.SourceFile | undefined>();

/** @param programs blocks of js and ts with the files that they were written to */
export function typeErrors(
  programs: readonly { block: Block; path: string }[],
  root: string,
): { path: string; message: string }[] {
  if (programs.length === 0) return [];
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    lib: ["lib.es2023.d.ts", "lib.esnext.disposable.d.ts"],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: true,
    allowJs: true,
    checkJs: true,
    noEmit: true,
    types: ["node"],
    typeRoots: [join(root, "node_modules/@types")],
  };
  const host = ts.createCompilerHost(options);
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (file, ...rest) => {
    if (!file.endsWith(".d.ts")) return read(file, ...rest); // declarations are the same for all documents: parsed once
    if (!sources.has(file)) sources.set(file, read(file, ...rest));
    return sources.get(file);
  };
  const paths = programs.map(({ path }) => path);
  const program = ts.createProgram(paths, options, host);
  return programs.flatMap(({ block, path }) => {
    const source = program.getSourceFile(path);
    if (!source) return [{ path, message: "TypeScript does not read this file" }];
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    return found
      .filter(({ code, messageText }) => counts(block, code, ts.flattenDiagnosticMessageText(messageText, "\n")))
      .map(({ code, messageText, start }) => {
        const { line } = source.getLineAndCharacterOfPosition(start ?? 0);
        return { path, message: `line ${line + 1}: TS${code}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}` };
      });
  });
}

function counts(block: Block, code: number, message: string): boolean {
  // a block that does not run may use names of earlier blocks, and packages that are not installed
  if (block.norun && code === CANNOT_FIND_NAME) return false;
  if (block.norun && code === CANNOT_FIND_MODULE && !/'(videoclip|node:)/.test(message)) return false;
  return block.language === "ts" || IN_JS.has(code) || code < 2000;
}
