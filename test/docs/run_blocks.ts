// Runs the code blocks of a document in their order, in a fresh folder in which `videoclip` is installed.
//   sh            bash -e, with `videoclip` on the path; npm installs and builds nothing (npm_shim.mjs)
//   js, ts        as a module of its own; type-checked before, ts strictly; `continues`: appended to the block before
//   json, jsonl   parsed; a file of a training run (it has a `task`) is checked against its schema
//   norun         not executed: command lines of `videoclip` are parsed, js and ts are type-checked
// An info string may name a file (`json run.json`): then the block is written to it. A named js or ts block that a later block
// runs by its name is not run by itself.
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { checkTrainConfig } from "../../dist/cli/training/read.js";
import { complaintAbout } from "./command_tree.js";
import type { Block, MarkdownDocument } from "./markdown.js";
import type { StandIns } from "./stand_ins.js";
import { typeErrors } from "./type_check.js";

/** Languages of blocks that are only read. */
const PROSE = ["text", "cpp", "cuda", "cmake", "diff", "dockerfile", "html", "csv", "mermaid", "tree"];
const LIMIT_MS = 240_000;

export interface Surroundings {
  /** The repository. */
  root: string;
  /** A folder for the folders of documents. */
  temporary: string;
  standIns: Pick<StandIns, "provide">;
  makers: Parameters<typeof complaintAbout>[0];
}

export interface Outcome {
  ran: number;
  /** Blocks that are not executed. */
  norun: number;
  /** `document:line: what is wrong`. */
  failures: string[];
}

/** A block as a file that can be run. */
interface Program {
  block: Block;
  path: string;
}

export async function runBlocks(document: MarkdownDocument, surroundings: Surroundings): Promise<Outcome> {
  const outcome: Outcome = { ran: 0, norun: 0, failures: [] };
  const report = (line: number, error: string) => outcome.failures.push(`${document.path}:${line}: ${error.trim()}`);
  const blocks = joinContinued(document.blocks, report).filter(({ language }) => !PROSE.includes(language));
  if (blocks.length === 0) return outcome;
  const folder = makeFolder(document, surroundings);
  await surroundings.standIns.provide(
    blocks
      .filter(({ norun }) => !norun)
      .map(({ text }) => text)
      .join("\n"),
    folder,
  );
  const programs = writeBlocks(blocks, folder);
  for (const { path, message } of typeErrors(programs, surroundings.root)) {
    report(programs.find((program) => program.path === path)!.block.line, message);
  }
  blocks.forEach((block, i) => {
    const program = programs.find((p) => p.block === block);
    const byName = block.file !== undefined && blocks.slice(i + 1).some(({ text }) => text.includes(block.file!));
    const error = block.norun
      ? check(block, folder, surroundings)
      : program && byName
        ? undefined
        : execute(block, program, folder, surroundings);
    if (error) report(block.line, error);
    if (block.norun) outcome.norun++;
    else outcome.ran++;
  });
  return outcome;
}

/** Puts blocks with `continues` behind the block before them. */
function joinContinued(blocks: Block[], report: (line: number, error: string) => void): Block[] {
  const joined: Block[] = [];
  for (const block of blocks) {
    const before = joined.at(-1);
    if (!block.continues) joined.push({ ...block });
    else if (before?.language === block.language) before.text += `\n${block.text}`;
    else report(block.line, `continues: expected a block of ${block.language} before it`);
  }
  return joined;
}

/** The folder of a document, with the package in it; that of a clone where the document speaks of one. */
function makeFolder(document: MarkdownDocument, { root, temporary }: Surroundings): string {
  const folder = join(temporary, document.path.replaceAll(/[/.]/g, "_"));
  mkdirSync(join(folder, "node_modules"), { recursive: true });
  symlinkSync(root, join(folder, "node_modules/videoclip"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');
  if (/\bclone\b/.test(document.text)) {
    for (const name of ["scripts", "examples", "models"]) symlinkSync(join(root, name), join(folder, name));
    cpSync(join(root, "configs"), join(folder, "configs"), { recursive: true });
  }
  return folder;
}

/** Writes named blocks and programs to files; returns the programs. */
function writeBlocks(blocks: Block[], folder: string): Program[] {
  return blocks.flatMap((block, i) => {
    const extension = { js: ".mjs", cjs: ".cjs", ts: ".ts" }[block.language];
    const path = join(folder, block.file ?? `block-${i + 1}${extension}`);
    if (block.file === undefined && !extension) return [];
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${block.text}\n`);
    return extension ? [{ block, path }] : [];
  });
}

/** Runs or parses a block; returns what went wrong. */
function execute(block: Block, program: Program | undefined, folder: string, around: Surroundings): string | undefined {
  switch (block.language) {
    case "sh":
      return run("bash", ["-e", "-o", "pipefail", "-c", block.text], folder, around);
    case "js":
    case "cjs":
      return run(process.execPath, [program!.path], folder, around);
    case "ts":
      return run(process.execPath, ["--import", tsx(around.root), program!.path], folder, around);
    case "json":
      return checkJson(block.text);
    case "jsonl":
      return block.text.split("\n").map(checkJson).find(Boolean);
    default:
      return `a block of ${block.language || "no language"}: expected sh, js, ts, json, jsonl or one of ${PROSE.join(", ")}`;
  }
}

const tsx = (root: string): string => new URL(`file://${join(root, "node_modules/tsx/dist/loader.mjs")}`).href;

function run(command: string, args: string[], cwd: string, around: Surroundings): string | undefined {
  const path = [makeShims(around), dirname(process.execPath), process.env.PATH].join(delimiter);
  const env = { ...process.env, PATH: path, NO_COLOR: "1" };
  const { status, signal, stdout, stderr, error } = spawnSync(command, args, { cwd, env, encoding: "utf8", timeout: LIMIT_MS }); // prettier-ignore
  if (status === 0) return undefined;
  const how = error?.message ?? (signal ? `ended by ${signal}` : `exit code ${status}`);
  return `${how}\n${stdout.slice(-1500)}\n${stderr.slice(-3000)}`;
}

function checkJson(text: string): string | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value === "object" && value !== null && "task" in value) checkTrainConfig(value);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Checks a block that is not executed; js and ts are type-checked with the others. */
function check(block: Block, folder: string, around: Surroundings): string | undefined {
  if (block.language !== "sh") return undefined;
  const syntax = spawnSync("bash", ["-n", "-c", block.text], { encoding: "utf8" });
  if (syntax.status !== 0) return syntax.stderr;
  const complaints = recordCommands(block.text, folder, around.temporary).map((words) => {
    const complaint = complaintAbout(around.makers, words);
    return complaint && `videoclip ${words.join(" ")}: ${complaint}`;
  });
  return complaints.find(Boolean);
}

/** The words behind every `videoclip` that a shell would run, with no other program within its reach. */
function recordCommands(script: string, folder: string, temporary: string): string[][] {
  const bin = join(temporary, "dry");
  const log = join(temporary, "dry.log");
  mkdirSync(bin, { recursive: true });
  writeShim(bin, "videoclip", `printf '%s\\0' "$@" >> "${log}"; printf '\\1\\0' >> "${log}"`);
  writeShim(bin, "npx", 'while [ "$1" != videoclip ] && [ $# -gt 0 ]; do shift; done; [ $# -eq 0 ] || "$@"');
  rmSync(log, { force: true });
  writeFileSync(log, "");
  const inner = join(folder, ".dry");
  mkdirSync(inner, { recursive: true });
  spawnSync("/bin/bash", ["-c", `command_not_found_handle() { return 0; }\n${script}`], {
    cwd: inner,
    env: { PATH: bin },
    timeout: LIMIT_MS,
  });
  const lines = readFileSync(log, "utf8").split("\u0001\0");
  return lines.slice(0, -1).map((line) => line.split("\0").slice(0, -1));
}

/** Programs in place of those that would install, build or download; the folder for the path. */
function makeShims({ root, temporary }: Surroundings): string {
  const bin = join(temporary, "bin");
  mkdirSync(bin, { recursive: true });
  writeShim(bin, "videoclip", `exec "${process.execPath}" "${join(root, "dist/cli/main.js")}" "$@"`);
  writeShim(bin, "npm", `exec "${process.execPath}" "${join(root, "test/docs/npm_shim.mjs")}" "$@"`);
  writeShim(bin, "npx", `[ "$1" = videoclip ] || { test -e "${root}/node_modules/.bin/$1"; exit; }; "$@"`);
  for (const name of ["git", "apt-get", "brew", "sudo"]) writeShim(bin, name, "exit 0");
  // a download is there already, as a stand-in
  for (const name of ["curl", "wget"]) writeShim(bin, name, 'for last; do :; done; test -e "$(basename "$last")"');
  return bin;
}

function writeShim(bin: string, name: string, body: string): void {
  const path = join(bin, name);
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
}
