// npm run test:deploy: the package with bundlers, frameworks and test runners. Packs it, installs it and the tools of
// scripts/deploy (pinned there) in a new folder, builds a small program with each, and runs it where it would be
// deployed. Every row works or prints the sentence of docs/deployment.md. Words after the command choose rows by name.
/* global fetch */
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ADVICE } from "../dist/runtime/addon_error.js";
import { makeCases } from "./deploy/cases.mjs";
import { packHere, root } from "./pack.mjs";

const only = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "videoclip-deploy-"));
const work = join(folder, "work");
const modules = join(work, "node_modules");
const guide = readFileSync(join(root, "docs/deployment.md"), "utf8").replace(/\s+/g, " ");
const PORT = 20_000 + (process.pid % 20_000);

/** Runs a command; with `until` it is stopped when its output contains this text. */
function run([command, ...args], { cwd = work, env = {}, until } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, NEXT_TELEMETRY_DISABLED: "1", NO_COLOR: "1", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk) => {
        output += chunk;
        if (until && output.includes(until)) child.kill();
      });
    const limit = setTimeout(() => child.kill("SIGKILL"), 600_000);
    child.on("error", (error) => (output += error.message));
    child.on("close", (status) => {
      clearTimeout(limit);
      resolve({ status, output });
    });
  });
}

async function must(command, options) {
  const { status, output } = await run(command, options);
  if (status !== 0) throw new Error(`${command.join(" ")} failed:\n${output}`);
  return output;
}

/** Starts the server of a standalone build and returns the answer of its route. */
async function askNext(script, cwd) {
  const server = spawn("node", [script], {
    cwd,
    env: { ...process.env, PORT: String(PORT), HOSTNAME: "127.0.0.1" },
    stdio: "ignore",
  });
  try {
    for (let tries = 0; tries < 60; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      const answer = await fetch(`http://127.0.0.1:${PORT}/api/conv`).catch(() => undefined);
      if (answer) return await answer.text();
    }
    return "the server did not answer";
  } finally {
    server.kill();
  }
}

/** Writes programs that load every entry of the package's exports. */
function writeDoors() {
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const doors = Object.keys(exports).filter((key) => key !== "./package.json");
  const names = doors.map((key) => `videoclip${key.slice(1)}`);
  const esm = names.map((name, i) => `import * as door${i} from "${name}";\n`).join("");
  const cjs = names.map((name, i) => `const door${i} = require("${name}");\n`).join("");
  const list = names.map((_, i) => `door${i}`).join(", ");
  const check = `if ([${list}].some((door) => Object.keys(door).length === 0)) throw new Error("an empty door");\nconsole.log("every door opens");\n`;
  writeFileSync(join(work, "doors.mjs"), esm + check);
  writeFileSync(join(work, "doors.cjs"), cjs + check);
  return { esm: "doors.mjs", cjs: "doors.cjs" };
}

/** The result of a case by its output: "works", the name of a documented sentence, or "FAIL". */
function judge(output) {
  if (/conv3d 27|every door opens/.test(output)) return "works";
  const found = Object.keys(ADVICE).find((key) => output.includes(ADVICE[key]));
  return found && guide.includes(ADVICE[found]) ? found : "FAIL";
}

const seconds = (since) => `${((Date.now() - since) / 1000).toFixed(1)} s`;
let passed = 0;
let failed = 0;
try {
  let begin = Date.now();
  cpSync(join(root, "scripts/deploy"), work, { recursive: true });
  const doors = writeDoors();
  const cases = makeCases(doors).filter(({ name }) => only.length === 0 || only.some((word) => name.includes(word)));
  const paths = packHere(folder);
  await must(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
  await must(["npm", "install", "--no-save", "--ignore-scripts", "--omit=peer", "--no-audit", "--no-fund", ...paths]);
  process.stdout.write(`installed in ${seconds(begin)}\n`);

  for (const each of cases) {
    begin = Date.now();
    each.output = "";
    for (const command of each.build ?? []) {
      const { status, output } = await run(command, { env: each.env });
      if (status !== 0) each.failure = output;
    }
    if (each.moved && !each.failure) {
      each.cwd = join(folder, "moved", each.moved);
      cpSync(join(work, each.moved), each.cwd, { recursive: true, verbatimSymlinks: true });
    }
    each.milliseconds = Date.now() - begin;
  }

  // a moved build must not find the package at the place where it was built
  for (const moved of [false, true]) {
    if (moved)
      for (const name of ["videoclip", "@videoclip"]) renameSync(join(modules, name), join(folder, `away-${name}`));
    for (const each of cases.filter((one) => Boolean(one.moved) === moved)) {
      begin = Date.now();
      if (each.failure) each.output = each.failure;
      else if (each.next) each.output = await askNext(each.next, each.cwd);
      else ({ output: each.output } = await run(each.run, { cwd: each.cwd, env: each.env }));
      each.result = each.failure ? "FAIL" : judge(each.output);
      each.milliseconds += Date.now() - begin;
    }
  }

  for (const { name, result, expected, output, milliseconds } of cases) {
    const good = result === expected;
    if (good) passed++;
    else failed++;
    const text = result === "works" || result === "FAIL" ? result : "prints the documented sentence";
    process.stdout.write(
      `${good ? "ok  " : "FAIL"} ${name.padEnd(44)} ${text} (${(milliseconds / 1000).toFixed(1)} s)\n`,
    );
    if (!good) process.stdout.write(`expected ${expected}, received:\n${output}\n`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
