import { type MessagePort, parentPort, receiveMessageOnPort } from "node:worker_threads";
import { type ErrorCode, VideoError } from "../../base/errors.js";
import { clipBytes } from "../clips/clip_memory.js";
import type { FileFacts } from "../file.js";
import type { Clip, OnError, Preset, VideoInfo } from "../types.js";
import type { StillRequest } from "../stills/still_request.js";
import { JobControl } from "./job_control.js";
import { withResolvers } from "./with_resolvers.js";

/** A file to decode. */
export interface WorkerRequest {
  file: FileFacts;
  preset: Preset;
  threads: number;
  onError?: OnError | undefined;
  /**
   * The first memory for clips, if the reader sends it; undefined if the worker allocates it and transfers it with the
   * clip.
   */
  given: GivenMemory[] | undefined;
}

/** The message that starts a job. */
export interface WorkerStart {
  request: WorkerRequest | StillRequest;
  /** The cells of its `JobControl`. */
  cells: Int32Array<SharedArrayBuffer>;
}

/** Memory for a clip, with a number to call it by. */
export interface GivenMemory {
  number: number;
  frames: Uint8Array;
}

/** Messages of the worker about a file. */
export type WorkerMessage =
  | { type: "info"; info: VideoInfo }
  /** `frames` is the number of the clip's memory, or the memory. */
  | { type: "clip"; clip: Omit<Clip, "frames">; frames: Uint8Array | number; info: VideoInfo }
  | { type: "end"; info: VideoInfo }
  | { type: "still"; jpeg: Uint8Array }
  | { type: "error"; code: ErrorCode; message: string; file?: string | undefined; time?: number | undefined };

/** The last message of each file. `isSound`: whether the worker can decode another file. */
export interface WorkerDone {
  type: "done";
  isSound: boolean;
}

const port = parentPort as MessagePort;
/** Ends a job that was stopped. */
const stopped = new Error("stopped");

type DecodeClips = typeof import("./node_av_decode.js").decodeClips;

/** Decodes one file and sends the results. */
class FileDecoding {
  /** Memory that is not used yet. */
  readonly #given: GivenMemory[];
  /** Numbers of the memory of clips in progress. */
  readonly #numbers = new Map<Uint8Array, number>();
  #messages: (WorkerMessage | WorkerDone)[] = [];
  #transfer: ArrayBuffer[] = [];

  constructor(
    readonly request: WorkerRequest,
    readonly control: JobControl,
  ) {
    this.#given = request.given ?? [];
  }

  run(decodeClips: DecodeClips): void {
    const { file, preset, threads, onError } = this.request;
    let info: VideoInfo | undefined;
    const context = { isStopped: () => this.control.isStopped, take: () => this.#take(), onError };
    for (const step of decodeClips(file, preset, threads, context)) {
      if (this.control.isStopped) return;
      if (step.clip === undefined) this.#messages.push({ type: "info", info: step.info });
      else this.#add(step.clip, step.info);
      info = step.info;
      // a picture has one clip, which is sent with the end
      if (file.image === undefined) this.#send();
    }
    if (info !== undefined) this.#messages.push({ type: "end", info });
  }

  fail(error: Error): void {
    this.#messages.push(messageOf(error, this.request.file));
  }

  /** Reports that this file is no longer in use. */
  end(isSound: boolean): void {
    this.#messages.push({ type: "done", isSound });
    this.#send();
  }

  #send(): void {
    if (this.#messages.length > 0) port.postMessage(this.#messages, this.#transfer);
    this.#messages = [];
    this.#transfer = [];
  }

  /** Allocates memory for the next clip, as soon as the reader has room for it. */
  #take(): Uint8Array {
    const { given, preset } = this.request;
    for (;;) {
      if (this.control.isStopped) throw stopped;
      if (this.control.takeCredit()) break;
      this.#send();
      this.control.waitForCredit();
    }
    if (given === undefined) return new Uint8Array(clipBytes(preset));
    // the memory was sent before the credit
    const { number, frames } = this.#given.shift() ?? (receiveMessageOnPort(port) as { message: GivenMemory }).message;
    this.#numbers.set(frames, number);
    return frames;
  }

  #add({ frames, ...clip }: Clip, info: VideoInfo): void {
    const number = this.#numbers.get(frames);
    this.#numbers.delete(frames);
    if (number === undefined) this.#transfer.push(frames.buffer as ArrayBuffer);
    this.#messages.push({ type: "clip", clip, frames: number ?? frames, info });
  }
}

function messageOf(error: Error, { path }: FileFacts): WorkerMessage {
  const { file = path, time } = error instanceof VideoError ? error.details : {};
  return { type: "error", code: codeOf(error), message: error.message, file, time };
}

function codeOf(error: Error): ErrorCode {
  if (error instanceof VideoError) return error.code;
  const isMissing =
    (error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND" || /native binding/.test(error.message);
  return isMissing ? "ERR_DECODER_MISSING" : "ERR_VIDEO_CORRUPT";
}

withResolvers();
const loaded: { decodeClips?: DecodeClips; error?: Error } = await import("./node_av_decode.js").catch(
  (error: Error) => ({ error }),
);

/** Runs a job; gives what went wrong, which the worker survives where it is a fault of the file. */
async function attempt(job: () => void | Promise<void>): Promise<{ error?: Error; isSound: boolean }> {
  try {
    if (loaded.error !== undefined) throw loaded.error;
    await job();
    return { isSound: true };
  } catch (error) {
    if (error === stopped) return { isSound: true };
    return { error: error as Error, isSound: error instanceof VideoError };
  }
}

/** Decodes a file; gives whether the worker can do another job. */
async function decodeFile(request: WorkerRequest, control: JobControl): Promise<boolean> {
  const decoding = new FileDecoding(request, control);
  const { error, isSound } = await attempt(() => decoding.run(loaded.decodeClips as DecodeClips));
  if (error !== undefined) decoding.fail(error);
  control.end();
  decoding.end(isSound);
  return isSound;
}

/** Makes a still; gives whether the worker can do another job. */
async function makeStill(request: StillRequest, control: JobControl): Promise<boolean> {
  const messages: (WorkerMessage | WorkerDone)[] = [];
  const goOn = () => {
    if (control.isStopped) throw stopped;
  };
  const { error, isSound } = await attempt(async () => {
    const { decodeStill } = await import("../stills/still_node_av.js");
    messages.push({ type: "still", jpeg: decodeStill(request, goOn) });
  });
  if (error !== undefined) messages.push(messageOf(error, request.file));
  messages.push({ type: "done", isSound });
  control.end();
  port.postMessage(messages);
  return isSound;
}

// Listens only now: what is sent before waits. Memory that comes without a request was meant for a file that has ended.
port.on("message", (message: WorkerStart | GivenMemory) => {
  if ("number" in message) return;
  const { request, cells } = message;
  const control = new JobControl(cells);
  const isSound = "seconds" in request ? makeStill(request, control) : decodeFile(request, control);
  void isSound.then((sound) => {
    if (!sound) port.close();
  });
});
