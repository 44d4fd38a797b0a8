import { Worker } from "node:worker_threads";
import { DisposedError, VideoError } from "../errors.js";
import { assertNotBundled } from "../bundled.js";
import { type FileFacts, videoError } from "./file.js";
import { openClips } from "./clip_assembler.js";
import type { Clip, DecodeOptions, OpenVideo, VideoInfo } from "./types.js";
import type { GivenMemory, WorkerMessage, WorkerRequest } from "./worker.js";

/** Clips that may wait between the worker and the reader. */
const clipsInFlight = 2;

/** Opens a checked file with node-av in a worker thread. */
export async function openWithNodeAv(file: FileFacts, options: DecodeOptions): Promise<OpenVideo> {
  options.signal?.throwIfAborted();
  const video = new NodeAvVideo(file, options);
  await video.opened;
  return video;
}

class NodeAvVideo implements OpenVideo {
  info: VideoInfo;
  readonly opened: Promise<void>;
  private readonly worker: Worker;
  private readonly exited: Promise<void>;
  private readonly control = new Int32Array(new SharedArrayBuffer(8));
  private readonly queue: Clip[] = [];
  /** Memory that the worker has, by its number. */
  private readonly given = new Map<number, Uint8Array>();
  private lastNumber = 0;
  private failure: Error | undefined;
  private isDone = false;
  private isClosed = false;
  private iterated = false;
  private wake: () => void = () => {};

  constructor(
    private readonly file: FileFacts,
    private readonly options: DecodeOptions,
  ) {
    this.info = {
      path: file.path,
      duration: 0,
      width: 0,
      height: 0,
      codec: "",
      pixelFormat: "",
      rotation: 0,
      framesDecoded: 0,
    };
    const { preset, threads = 1, onError, signal, memory } = options;
    const givenMemory = memory !== undefined;
    const request: WorkerRequest = { file, preset, threads, onError, givenMemory, control: this.control };
    assertNotBundled();
    this.worker = new Worker(new URL(/* webpackIgnore: true */ "./worker.js", import.meta.url), {
      workerData: request,
    });
    for (let i = 0; i < clipsInFlight + openClips(preset); i++) this.allowClip();
    this.opened = new Promise((resolve, reject) => {
      this.worker.on("message", (message: WorkerMessage) => {
        this.receive(message);
        if (message.type === "error") reject(this.failure);
        else resolve();
      });
      this.worker.on("error", (error) => reject(this.end(error)));
      this.worker.on("exit", () => reject(this.end(this.closedEarly())));
    });
    this.opened.catch(() => {});
    this.exited = new Promise((resolve) => this.worker.once("exit", () => resolve()));
    void this.exited.then(() => this.given.forEach((frames) => memory?.give(frames)));
    signal?.addEventListener("abort", this.onAbort, { once: true });
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Clip> {
    if (this.isClosed && this.failure === undefined) throw new DisposedError(`The video ${this.file.path}`);
    if (this.iterated) throw videoError("ERR_VIDEO_ITERATED", this.file.path, "a video can be iterated once only");
    this.iterated = true;
    try {
      while (true) {
        if (this.options.signal?.aborted) throw this.options.signal.reason;
        const clip = this.queue.shift();
        if (clip !== undefined) {
          this.allowClip();
          yield clip;
        } else if (this.failure !== undefined) throw this.failure;
        else if (this.isDone || this.isClosed) return;
        else {
          await new Promise<void>((resolve) => {
            this.wake = resolve;
          });
        }
      }
    } finally {
      await this.close();
    }
  }

  async close(): Promise<void> {
    this.isClosed = true;
    for (const { frames } of this.queue.splice(0)) this.options.memory?.give(frames);
    this.options.signal?.removeEventListener("abort", this.onAbort);
    // Asked first, so that the native decoder is freed in order; stopped by force only where it does not come back.
    Atomics.store(this.control, 1, 1);
    Atomics.notify(this.control, 0);
    this.wake();
    const timer = setTimeout(() => this.worker.terminate(), 5000);
    await this.exited;
    clearTimeout(timer);
  }

  /** Lets the worker begin one more clip. */
  private allowClip(): void {
    const { memory } = this.options;
    if (memory) {
      const given: GivenMemory = { number: ++this.lastNumber, frames: memory.take() };
      this.given.set(given.number, given.frames);
      this.worker.postMessage(given);
    }
    Atomics.add(this.control, 0, 1);
    Atomics.notify(this.control, 0);
  }

  private receiveClip({ clip, frames }: WorkerMessage & { type: "clip" }): void {
    if (this.isClosed) return;
    if (typeof frames !== "number") {
      this.queue.push({ ...clip, frames });
      return;
    }
    this.queue.push({ ...clip, frames: this.given.get(frames) as Uint8Array });
    this.given.delete(frames);
  }

  private readonly onAbort = (): void => {
    this.failure = this.options.signal?.reason as Error;
    void this.close();
  };

  private receive(message: WorkerMessage): void {
    if (message.type === "error") {
      this.end(this.toError(message));
      return;
    }
    this.info = message.info;
    if (message.type === "clip") this.receiveClip(message);
    if (message.type === "end") this.isDone = true;
    this.wake();
  }

  private end(error: Error | undefined): Error | undefined {
    this.failure ??= error;
    this.wake();
    return this.failure;
  }

  private toError(message: WorkerMessage & { type: "error" }): Error {
    if (message.code !== "ERR_DECODER_MISSING") {
      return new VideoError(message.code, message.message, { file: message.file, time: message.time });
    }
    return missingNodeAv(message.message);
  }

  private closedEarly(): Error | undefined {
    if (this.isDone || this.isClosed) return undefined;
    return videoError("ERR_VIDEO_CORRUPT", this.file.path, "the decoder ended unexpectedly");
  }
}

/** The error for a node-av that cannot be loaded. */
export function missingNodeAv(reason: string): VideoError {
  return new VideoError(
    "ERR_DECODER_MISSING",
    `node-av cannot be loaded (${reason}). Install it with:\n  npm install node-av`,
  );
}
