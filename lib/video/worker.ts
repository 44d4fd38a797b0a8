import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { type ErrorCode, VideoError } from "../errors.js";
import { clipBytes } from "./clip_memory.js";
import type { FileFacts } from "./file.js";
import type { Clip, OnError, Preset, VideoInfo } from "./types.js";
import { withResolvers } from "./with_resolvers.js";

/** What the worker is started with. */
export interface WorkerRequest {
  file: FileFacts;
  preset: Preset;
  threads: number;
  onError?: OnError | undefined;
  /** Whether the reader sends memory for each clip; where not, the worker makes it and gives it away with the clip. */
  givenMemory: boolean;
  /** Two int32: clips that may still be begun, and 1 once the reader has gone. */
  control: Int32Array;
}

/** Memory for a clip, with a number to call it by. */
export interface GivenMemory {
  number: number;
  frames: Uint8Array;
}

/** What the worker sends. */
export type WorkerMessage =
  | { type: "info"; info: VideoInfo }
  /** `frames` is the number of the given memory that the clip lies in, or the clip's own memory. */
  | { type: "clip"; clip: Omit<Clip, "frames">; frames: Uint8Array | number; info: VideoInfo }
  | { type: "end"; info: VideoInfo }
  | { type: "error"; code: ErrorCode; message: string; file?: string | undefined; time?: number | undefined };

const request = workerData as WorkerRequest;
const { control } = request;
const port = parentPort as MessagePort;
/** The numbers of given memory. */
const numbers = new Map<Uint8Array, number>();
/** Ends the decoding of a video that nobody reads any more. */
const closed = new Error("closed");

function post(message: WorkerMessage, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

function isClosed(): boolean {
  return Atomics.load(control, 1) !== 0;
}

/** Memory for the next clip, once the reader has room for it. */
function take(): Uint8Array {
  for (;;) {
    if (isClosed()) throw closed;
    const credits = Atomics.load(control, 0);
    if (credits > 0) break;
    Atomics.wait(control, 0, credits, 200);
  }
  Atomics.sub(control, 0, 1);
  if (!request.givenMemory) return new Uint8Array(clipBytes(request.preset));
  // it was sent before the credit was given
  const { message } = receiveMessageOnPort(port) as { message: GivenMemory };
  numbers.set(message.frames, message.number);
  return message.frames;
}

function send({ frames, ...clip }: Clip, info: VideoInfo): void {
  const number = numbers.get(frames);
  numbers.delete(frames);
  if (number === undefined) post({ type: "clip", clip, frames, info }, [frames.buffer as ArrayBuffer]);
  else post({ type: "clip", clip, frames: number, info });
}

async function main(): Promise<void> {
  withResolvers();
  const { decodeClips } = await import("./node_av_decode.js");
  let info: VideoInfo | undefined;
  const context = { isClosed, take, onError: request.onError };
  for (const step of decodeClips(request.file, request.preset, request.threads, context)) {
    if (isClosed()) return;
    if (step.clip === undefined) post({ type: "info", info: step.info });
    else send(step.clip, step.info);
    info = step.info;
  }
  if (info !== undefined) post({ type: "end", info });
}

main().catch((error: Error) => {
  if (error === closed) return;
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
