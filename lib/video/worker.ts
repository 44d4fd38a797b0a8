import { parentPort, workerData } from "node:worker_threads";
import { type ErrorCode, VideoError } from "../errors.js";
import type { FileFacts } from "./file.js";
import type { Clip, Preset, VideoInfo } from "./types.js";
import { withResolvers } from "./with_resolvers.js";

/** What the worker is started with. */
export interface WorkerRequest {
  file: FileFacts;
  preset: Preset;
  threads: number;
  /** Two int32: clips that may still be sent, and 1 once the reader has gone. */
  control: Int32Array;
}

/** What the worker sends. */
export type WorkerMessage =
  | { type: "info"; info: VideoInfo }
  | { type: "clip"; clip: Clip; info: VideoInfo }
  | { type: "end"; info: VideoInfo }
  | { type: "error"; code: ErrorCode; message: string; file?: string; time?: number };

const request = workerData as WorkerRequest;
const { control } = request;

function post(message: WorkerMessage, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}

function isClosed(): boolean {
  return Atomics.load(control, 1) !== 0;
}

/** Waits until the reader has room for a clip. */
function takeCredit(): void {
  while (!isClosed()) {
    const credits = Atomics.load(control, 0);
    if (credits > 0) {
      Atomics.sub(control, 0, 1);
      return;
    }
    Atomics.wait(control, 0, credits, 200);
  }
}

async function main(): Promise<void> {
  withResolvers();
  const { decodeClips } = await import("./node_av_decode.js");
  let info: VideoInfo | undefined;
  for (const step of decodeClips(request.file, request.preset, request.threads, isClosed)) {
    if (step.clip === undefined) {
      post({ type: "info", info: step.info });
    } else {
      takeCredit();
      if (isClosed()) return;
      post({ type: "clip", clip: step.clip, info: step.info }, [step.clip.frames.buffer as ArrayBuffer]);
    }
    info = step.info;
  }
  if (info !== undefined) post({ type: "end", info });
}

main().catch((error: Error) => {
  if (error instanceof VideoError) {
    const { file = request.file.path, time } = error.details;
    post({ type: "error", code: error.code, message: error.message, file, time });
    return;
  }
  const missing =
    (error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND" || /native binding/.test(error.message);
  const code = missing ? "ERR_DECODER_MISSING" : "ERR_VIDEO_CORRUPT";
  post({ type: "error", code, message: error.message, file: request.file.path });
});
