import { type MessagePort, parentPort, receiveMessageOnPort } from "node:worker_threads";
import { type ErrorCode, VideoError } from "../../base/errors.js";
import { clipBytes } from "../clips/clip_memory.js";
import type { FileFacts } from "../file.js";
import type { Clip, OnError, Preset, VideoInfo } from "../types.js";
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
  /** Two int32: the number of clips that may still be begun, and 1 after the reader has gone. */
  control: Int32Array;
}

/** Memory for a clip, with its number. */
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
  | { type: "error"; code: ErrorCode; message: string; file?: string | undefined; time?: number | undefined };

/** The last message of each file. `isSound`: whether the worker can decode another file. */
export interface WorkerDone {
  type: "done";
  isSound: boolean;
}

const port = parentPort as MessagePort;
/** Ends the decoding of a video that nobody reads any more. */
const closed = new Error("closed");

type DecodeClips = typeof import("./node_av_decode.js").decodeClips;

/** Decodes one file and sends the results. */
class FileDecoding {
  /** Memory that is not used yet. */
  readonly #given: GivenMemory[];
  /** Numbers of the memory of clips in progress. */
  readonly #numbers = new Map<Uint8Array, number>();
  #messages: (WorkerMessage | WorkerDone)[] = [];
  #transfer: ArrayBuffer[] = [];

  constructor(readonly request: WorkerRequest) {
    this.#given = request.given ?? [];
  }

  run(decodeClips: DecodeClips): void {
    const { file, preset, threads, onError } = this.request;
    let info: VideoInfo | undefined;
    const context = { isClosed: () => this.#isClosed(), take: () => this.#take(), onError };
    for (const step of decodeClips(file, preset, threads, context)) {
      if (this.#isClosed()) return;
      if (step.clip === undefined) this.#messages.push({ type: "info", info: step.info });
      else this.#add(step.clip, step.info);
      info = step.info;
      // a picture has one clip, which is sent with the end
      if (file.image === undefined) this.#send();
    }
    if (info !== undefined) this.#messages.push({ type: "end", info });
  }

  fail(error: Error): void {
    const { path } = this.request.file;
    const { file = path, time } = error instanceof VideoError ? error.details : {};
    this.#messages.push({ type: "error", code: codeOf(error), message: error.message, file, time });
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

  #isClosed(): boolean {
    return Atomics.load(this.request.control, 1) !== 0;
  }

  /** Allocates memory for the next clip, as soon as the reader has room for it. */
  #take(): Uint8Array {
    const { control, given, preset } = this.request;
    for (;;) {
      if (this.#isClosed()) throw closed;
      const credits = Atomics.load(control, 0);
      if (credits > 0) break;
      this.#send();
      Atomics.wait(control, 0, credits, 200);
    }
    Atomics.sub(control, 0, 1);
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

// Begins to listen here, because earlier messages wait. Memory without a request was meant for a file that has ended.
port.on("message", (message: WorkerRequest | GivenMemory) => {
  if (!("control" in message)) return;
  const decoding = new FileDecoding(message);
  let isSound = true;
  try {
    if (loaded.decodeClips === undefined) throw loaded.error as Error;
    decoding.run(loaded.decodeClips);
  } catch (error) {
    if (error !== closed) {
      decoding.fail(error as Error);
      isSound = error instanceof VideoError;
    }
  }
  decoding.end(isSound);
  if (!isSound) port.close();
});
