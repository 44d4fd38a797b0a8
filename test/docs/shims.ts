// Replacements of programs while code blocks run: `videoclip` of this repository, and programs that install, build or
// download.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Writes the programs into `temporary`; returns the folder that belongs first on the path. */
export function makeShims(root: string, temporary: string): string {
  const bin = join(temporary, "bin");
  mkdirSync(bin, { recursive: true });
  writeShim(bin, "videoclip", `exec "${process.execPath}" "${join(root, "dist/cli/main.js")}" "$@"`);
  // scripts find the repository by their real path
  const real = 'case "$1" in scripts/*|examples/*) script="$(realpath "$1")"; shift; set -- "$script" "$@";; esac';
  writeShim(bin, "node", `${real}; exec "${process.execPath}" "$@"`);
  writeShim(bin, "npm", `exec "${process.execPath}" "${join(root, "test/docs/npm_shim.mjs")}" "$@"`);
  writeShim(bin, "npx", `[ "$1" = videoclip ] || { test -e "${root}/node_modules/.bin/$1"; exit; }; "$@"`);
  for (const name of ["git", "apt-get", "brew", "sudo"]) writeShim(bin, name, "exit 0");
  // a stand-in already replaces the download
  for (const name of ["curl", "wget"]) writeShim(bin, name, 'for last; do :; done; test -e "$(basename "$last")"');
  return bin;
}

/** The words behind every `videoclip` that a shell would run for a script, without access to other programs. */
export function recordCommands(script: string, folder: string, temporary: string): string[][] {
  const bin = join(temporary, "dry");
  const log = join(temporary, "dry.log");
  const inner = join(folder, ".dry");
  for (const made of [bin, inner]) mkdirSync(made, { recursive: true });
  // one write for each command, since a script may run several at the same time
  writeShim(bin, "videoclip", `printf '%s\\0' "$@" "$(printf '\\1')" >> "${log}"`);
  writeFileSync(log, "");
  // other programs do nothing, except programs such as `nice` that start one
  const others = 'while [ $# -gt 0 ] && [ "$1" != videoclip ]; do shift; done; [ $# -eq 0 ] || "$@"';
  spawnSync("/bin/bash", ["-c", `command_not_found_handle() { ${others}; }\n${script}`], {
    cwd: inner,
    env: { PATH: bin },
    timeout: 60_000,
  });
  const lines = readFileSync(log, "utf8").split("\u0001\0");
  return lines.slice(0, -1).map((line) => line.split("\0").slice(0, -1));
}

function writeShim(bin: string, name: string, body: string): void {
  const path = join(bin, name);
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
}
