// Node for arm64 on a machine of another kind, by the emulator qemu-user.
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

const QEMU = "qemu-aarch64-static";
/** The C and C++ libraries of the packages libc6-arm64-cross and libstdc++6-arm64-cross. */
const LIBRARIES = "/usr/aarch64-linux-gnu";
const COMPILER = "aarch64-linux-gnu-g++";

const starts = (command: string) => spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
const node = resolve(process.env.VIDEOCLIP_NODE_ARM64 ?? "build/node-linux-arm64/bin/node");

/** Why programs for arm64 cannot be built or run here; undefined if they can. */
export function noArm64(): string | undefined {
  if (process.platform !== "linux" || process.arch !== "x64") return "arm64 is emulated on Linux on x64 only";
  for (const command of [COMPILER, QEMU]) if (!starts(command)) return `needs ${command}`;
  if (!existsSync(join(LIBRARIES, "lib/ld-linux-aarch64.so.1"))) return `needs the libraries in ${LIBRARIES}`;
  if (!existsSync(node)) return "needs Node for arm64 (package node-linux-arm64), named by VIDEOCLIP_NODE_ARM64";
  return undefined;
}

/** Builds the addon for arm64 if it changed. @throws Error with the output of the compiler */
export function buildForArm64(): void {
  const build = spawnSync(process.execPath, ["scripts/build.mjs", "--target", "linux-arm64"], { encoding: "utf8" });
  if (build.status !== 0) throw new Error(build.stdout + build.stderr);
}

/**
 * Runs a script by Node for arm64, with variables added to those of this process. `processor` is a model that qemu
 * knows, such as `cortex-a72`; the default has every extension.
 */
export function runOnArm64(
  script: string,
  { env = {}, processor }: { env?: Record<string, string>; processor?: string } = {},
): Promise<{ status: number | null; output: string }> {
  const variables: NodeJS.ProcessEnv = {
    ...process.env,
    // tsx compiles with esbuild, whose program is started by the kernel of this machine
    ESBUILD_BINARY_PATH: resolve(`node_modules/@esbuild/${process.platform}-${process.arch}/bin/esbuild`),
    ...(processor === undefined ? {} : { QEMU_CPU: processor }),
    ...env,
  };
  const child = spawn(QEMU, ["-L", LIBRARIES, node, "--import", "tsx", script], {
    env: variables,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  return new Promise((done, failed) => {
    child.on("error", failed);
    child.on("close", (status) => done({ status, output }));
  });
}
