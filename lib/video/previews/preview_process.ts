import { type ChildProcess, fork } from "node:child_process";
import { setPriority } from "node:os";
import { fileURLToPath } from "node:url";
import { assertNotBundled, isBundled } from "../../base/bundled.js";
import { type ErrorCode, VideoError } from "../../base/errors.js";
import { videoError } from "../file.js";
import type { PreviewRequest } from "./preview_request.js";

/** What the process is asked: which of these encoders there are, or a preview. */
export type PreviewQuestion = { encoders: readonly string[] } | { request: PreviewRequest };
/** What it answers. */
export type PreviewAnswer = { encoders: string[] } | { done: true } | { code: ErrorCode; message: string };

/** Lets a process wait for all others: searches and stills come first. */
export function lowerPriority({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) setPriority(pid, 10);
  } catch {
    // it has ended, or the system has no priorities
  }
}

/**
 * Asks a separate process with node-av, which can be ended at any time, has a low priority, and takes nothing with it
 * where a file breaks it. Undefined when it ended without an answer.
 */
function ask(question: PreviewQuestion, signal?: AbortSignal): Promise<PreviewAnswer | undefined> {
  assertNotBundled();
  const path = fileURLToPath(new URL(/* webpackIgnore: true */ "./preview_worker.js", import.meta.url));
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const child = fork(path, { execArgv: [], stdio: ["ignore", "ignore", "ignore", "ipc"], serialization: "advanced" });
    const kill = () => void child.kill("SIGKILL");
    let answer: PreviewAnswer | undefined;
    signal?.addEventListener("abort", kill, { once: true });
    lowerPriority(child);
    child.once("message", (message: PreviewAnswer) => {
      answer = message;
      kill();
    });
    const end = () => {
      signal?.removeEventListener("abort", kill);
      if (signal?.aborted) reject(signal.reason as Error);
      else resolve(answer);
    };
    child.once("error", end);
    child.once("exit", end);
    child.send(question, () => {}); // a process that ended says so by `exit`
  });
}

/** Which of these encoders node-av has; none where it is not installed, or inside of a bundle. */
export async function encodersOfNodeAv(names: readonly string[]): Promise<ReadonlySet<string>> {
  if (isBundled()) return new Set();
  const answer = await ask({ encoders: names });
  return new Set(answer && "encoders" in answer ? answer.encoders : []);
}

/** Writes a preview with node-av. @throws VideoError; `signal.reason` */
export async function previewWithNodeAv(request: PreviewRequest, signal?: AbortSignal): Promise<void> {
  const answer = await ask({ request }, signal);
  if (answer && "done" in answer) return;
  const { path } = request.file;
  if (answer && "code" in answer) throw new VideoError(answer.code, answer.message, { file: path });
  throw videoError("ERR_VIDEO_CORRUPT", path, "the decoder stopped", request.seconds);
}
