// Runs the code blocks of a document in order, in a new folder in which `videoclip` is installed.
//   sh            bash -e, with `videoclip` on the path; npm installs and builds nothing (npm_shim.mjs)
//   js, ts        a separate module (CommonJS if it calls require), type-checked first, ts strictly; a block with
//                 `continues` is appended to the block before
//   python        a separate program of python3; a module that is missing is no failure
//   json, jsonl   parsed; a file of a training run (it has a `task`) is checked against its schema
//   norun         not executed: command lines of `videoclip` are parsed, js and ts are type-checked
// An info string may name a file (`json run.json`), to which the block is written. A named js or ts block that a later
// block runs by its name is not run separately.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { checkRecipe } from "#lib/train/recipes/read.js";
import { complaintAbout } from "./command_tree.js";
import type { Block, MarkdownDocument } from "./markdown.js";
import { makeShims, recordCommands } from "./shims.js";
import type { StandIns } from "./stand_ins.js";
import { typeErrors } from "./type_check.js";

/** Languages of blocks that are not checked. */
const PROSE = ["text", "cpp", "cuda", "cmake", "diff", "dockerfile", "html", "csv", "mermaid", "tree", "yaml"];
const EXTENSION: Record<string, string> = { js: ".mjs", ts: ".ts" };
const LIMIT_MS = 600_000;

export interface Surroundings {
  /** The root of the repository. */
  root: string;
  /** A folder that receives the folders of documents. */
  temporary: string;
  standIns: Pick<StandIns, "provide">;
  makers: Parameters<typeof complaintAbout>[0];
}

export interface Outcome {
  /** Numbers of blocks that were executed or parsed, and of blocks that were not executed. */
  ran: number;
  norun: number;
  /** The folder in which the blocks ran, and their stdout. */
  folder: string;
  output: string;
  /** Lines `document:line: problem`. */
  failures: string[];
}

/** The result of one block. */
interface Result {
  error?: string;
  output?: string;
}

/** A block in an executable file. */
interface Program {
  block: Block;
  path: string;
}

export async function runBlocks(document: MarkdownDocument, around: Surroundings): Promise<Outcome> {
  const folder = join(around.temporary, document.path.replaceAll(/[/.]/g, "_"));
  const outcome: Outcome = { ran: 0, norun: 0, folder, output: "", failures: [] };
  const report = (line: number, error: string) => outcome.failures.push(`${document.path}:${line}: ${error.trim()}`);
  const blocks = joinContinued(document.blocks, report);
  if (blocks.length === 0) return outcome;
  makeFolder(folder, document, around.root);
  const executed = blocks.filter(({ norun }) => !norun);
  await around.standIns.provide(executed.map(({ text }) => text).join("\n"), folder);
  const programs = writeBlocks(blocks, folder);
  for (const { path, message } of typeErrors(programs, around.root)) {
    report(programs.find((program) => program.path === path)!.block.line, message);
  }
  blocks.forEach((block, i) => {
    const program = programs.find((p) => p.block === block);
    const later = blocks.slice(i + 1);
    const byName = program && block.file !== undefined && later.some(({ text }) => text.includes(block.file!));
    const { error, output } = block.norun
      ? check(block, folder, around)
      : byName
        ? {}
        : execute(block, program, folder, around);
    if (error) report(block.line, error);
    outcome.output += output ?? "";
    outcome[block.norun ? "norun" : "ran"]++;
  });
  return outcome;
}

/** Joins blocks that have `continues` with the block before; blocks that are not checked are dropped. */
function joinContinued(all: readonly Block[], report: (line: number, error: string) => void): Block[] {
  const joined: Block[] = [];
  for (const block of all.filter(({ language }) => !PROSE.includes(language))) {
    const before = joined.at(-1);
    if (!block.continues) joined.push({ ...block });
    else if (before?.language === block.language) before.text += `\n${block.text}`;
    else report(block.line, `continues: expected a block of ${block.language} before it`);
  }
  return joined;
}

/** Makes the folder of a document, with the package in it, and with folders of a clone if the document mentions one. */
function makeFolder(folder: string, document: MarkdownDocument, root: string): void {
  mkdirSync(join(folder, "node_modules"), { recursive: true });
  symlinkSync(root, join(folder, "node_modules/videoclip"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');
  if (!/\bclone\b/.test(document.text)) return;
  for (const name of ["scripts", "examples", "models"]) symlinkSync(join(root, name), join(folder, name));
  cpSync(join(root, "configs"), join(folder, "configs"), { recursive: true });
}

/** Writes named blocks and programs to files; returns the programs. */
function writeBlocks(blocks: readonly Block[], folder: string): Program[] {
  return blocks.flatMap((block, i) => {
    const isCommonJs = /\brequire\(/.test(block.text) && !/^(import|export) /m.test(block.text);
    const extension = block.language === "js" && isCommonJs ? ".cjs" : EXTENSION[block.language];
    if (block.file === undefined && !extension) return [];
    const path = join(folder, block.file ?? `block-${i + 1}${extension}`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${block.text}\n`);
    return extension ? [{ block, path }] : [];
  });
}

/** Runs or parses a block. */
function execute(block: Block, program: Program | undefined, folder: string, around: Surroundings): Result {
  switch (block.language) {
    case "sh":
      return run("bash", ["-e", "-o", "pipefail", "-c", block.text], folder, around);
    case "js":
      return run(process.execPath, [program!.path], folder, around);
    case "ts":
      return run(process.execPath, ["--import", tsx(around.root), program!.path], folder, around);
    case "python":
      return runPython(block.text, folder, around);
    case "json":
      return { error: complaintAboutJson(block.text) };
    case "jsonl":
      return { error: block.text.split("\n").map(complaintAboutJson).find(Boolean) };
    default: {
      const known = [...Object.keys(EXTENSION), "sh", "python", "json", "jsonl", ...PROSE].join(", ");
      return { error: `a block of ${block.language || "no language"}: expected one of ${known}` };
    }
  }
}

const tsx = (root: string): string => pathToFileURL(join(root, "node_modules/tsx/dist/loader.mjs")).href;

function run(command: string, args: string[], cwd: string, { root, temporary }: Surroundings): Result {
  const env = {
    ...process.env,
    PATH: [makeShims(root, temporary), process.env.PATH].join(delimiter),
    NO_COLOR: "1",
    HF_HUB_OFFLINE: "1", // readers of Hugging Face ask for updates otherwise
  };
  const options = { cwd, env, encoding: "utf8", timeout: LIMIT_MS, maxBuffer: 1 << 28 } as const;
  const { status, signal, stdout, stderr, error } = spawnSync(command, args, options);
  if (status === 0) return { output: stdout };
  const how = error?.message ?? (signal ? `ended by ${signal}` : `exit code ${status}`);
  return { error: `${how}\n${stdout.slice(-1500)}\n${stderr.slice(-3000)}`, output: stdout };
}

/** Readers of Python are not installed everywhere. */
function runPython(text: string, folder: string, around: Surroundings): Result {
  const result = run("python3", ["-c", text], folder, around);
  const [, missing] =
    /ModuleNotFoundError: (No module named \S+)|spawnSync python3 (ENOENT)/.exec(result.error ?? "") ?? [];
  if (!missing && !result.error?.includes("ENOENT")) return result;
  process.stdout.write(`SKIP a block of python: ${missing ?? "there is no python3"}\n`);
  return {};
}

function complaintAboutJson(text: string): string | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value === "object" && value !== null && "task" in value) checkRecipe(value);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Checks a block that is not executed; js and ts are type-checked with the others. */
function check(block: Block, folder: string, around: Surroundings): Result {
  if (block.language !== "sh") return {};
  const syntax = spawnSync("bash", ["-n", "-c", block.text], { encoding: "utf8" });
  if (syntax.status !== 0) return { error: syntax.stderr };
  const complaints = recordCommands(block.text, folder, around.temporary).map((words) => {
    const complaint = complaintAbout(around.makers, words);
    return complaint && `videoclip ${words.join(" ")}: ${complaint}`;
  });
  return { error: complaints.find(Boolean) };
}
