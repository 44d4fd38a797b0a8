import { assertNotBundled } from "../../base/bundled.js";
import { DisposedError, VideoError } from "../../base/errors.js";
import { type FileFacts, videoError } from "../file.js";
import type { ClipMemory } from "../clips/clip_memory.js";
import { openClips } from "../clips/clip_assembler.js";
import type { Clip, DecodeOptions, OpenVideo, VideoInfo } from "../types.js";
import { JobControl } from "./job_control.js";
import type { GivenMemory, WorkerMessage } from "./worker.js";
import { type PooledWorker, type WorkerPool, workerPool } from "./worker_pool.js";

/** Maximum clips between the worker and the reader. */
const clipsInFlight = 2;

/** Opens a checked file with node-av in a worker thread. */
export async function openWithNodeAv(
  file: FileFacts,
  options: DecodeOptions,
  pool: WorkerPool = workerPool,
): Promise<OpenVideo> {
  options.signal?.throwIfAborted();
  assertNotBundled();
  const video = new NodeAvVideo(file, options, pool);
  await video.opened;
  return video;
}

class NodeAvVideo implements OpenVideo {
  info: VideoInfo;
  readonly opened: Promise<void>;
  private worker!: PooledWorker;
  /** Resolves when the worker no longer uses this video. */
  private released!: Promise<void>;
  private isReleased = false;
  private readonly control = new JobControl();
  private readonly queue: Clip[] = [];
  /** Memory of the worker, by its number. */
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
    pool: WorkerPool,
  ) {
    this.info = {
      path: file.path,
      duration: 0,
      width: 0,
      height: 0,
      codec: "",
      pixelFormat: "",
      rotation: 0,
      mirrored: false,
      framesDecoded: 0,
    };
    const { preset, threads = 1, onError, signal, memory } = options;
    // a picture has one clip
    const clips = openClips(preset) + (file.image === undefined ? clipsInFlight : 0);
    const given = memory && Array.from({ length: clips }, () => this.nextMemory(memory));
    this.control.allow(clips);
    this.opened = new Promise((resolve, reject) => {
      this.released = new Promise((release) => {
        this.worker = pool.start({
          request: { file, preset, threads, onError, given },
          control: this.control,
          receive: (message) => {
            this.receive(message);
            if (message.type === "error") reject(this.failure);
            else resolve();
          },
          end: (error) => {
            reject(this.end(error ?? this.closedEarly()));
            this.isReleased = true;
            this.given.forEach((frames) => memory?.give(frames));
            release();
          },
        });
      });
    });
    this.opened.catch(() => {});
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
    this.control.stop();
    this.wake();
    await this.released;
  }

  /** Allows the worker to begin one more clip. */
  private allowClip(): void {
    if (this.isReleased) return; // the worker may already decode another file
    const { memory } = this.options;
    if (memory) this.worker.give(this.nextMemory(memory));
    this.control.allow(1);
  }

  private nextMemory(memory: ClipMemory): GivenMemory {
    const given: GivenMemory = { number: ++this.lastNumber, frames: memory.take() };
    this.given.set(given.number, given.frames);
    return given;
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
      this.end(errorOf(message));
      return;
    }
    if (message.type === "still") return; // of another kind of job
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

  private closedEarly(): Error | undefined {
    if (this.isDone || this.isClosed) return undefined;
    return videoError("ERR_VIDEO_CORRUPT", this.file.path, "the decoder ended unexpectedly");
  }
}

/** The error that a worker tells of. */
export function errorOf({ code, message, file, time }: WorkerMessage & { type: "error" }): Error {
  return code === "ERR_DECODER_MISSING" ? missingNodeAv(message) : new VideoError(code, message, { file, time });
}

/** The error for a node-av that cannot be loaded. */
function missingNodeAv(reason: string): VideoError {
  return new VideoError(
    "ERR_DECODER_MISSING",
    `node-av cannot be loaded (${reason}). Install it with:\n  npm install node-av`,
  );
}
