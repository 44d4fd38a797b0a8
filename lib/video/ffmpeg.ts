import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { earlyEnd, endOfVideo, type StreamFacts } from "./ending.js";
import { probe } from "./ffprobe.js";
import { type FileFacts, videoError } from "./file.js";
import { deinterlaceFilter, type PixelSource, pixelFilter } from "./filters.js";
import { ClipAssembler, FrameSampler } from "./sampling.js";
import type { Clip, DecodeOptions, OpenVideo, VideoInfo } from "./types.js";

/** Opens a checked file with the `ffmpeg` and `ffprobe` programs: the same filters and sampling as with node-av. */
export async function openWithFfmpeg(file: FileFacts, options: DecodeOptions): Promise<OpenVideo> {
  options.signal?.throwIfAborted();
  const { info, facts, source } = await probe(file);
  return new FfmpegVideo(file, options, info, facts, source);
}

class FfmpegVideo implements OpenVideo {
  private readonly child: ChildProcess;
  private readonly times: (number | undefined)[] = [];
  private readonly errors: string[] = [];
  private readonly exit: Promise<number | null>;
  private isClosed = false;
  private wake: () => void = () => {};

  constructor(
    private readonly file: FileFacts,
    private readonly options: DecodeOptions,
    readonly info: VideoInfo,
    private readonly facts: StreamFacts,
    source: PixelSource,
  ) {
    // showinfo writes the time of each frame to stderr, in the order of the frames on stdout
    const filters = [deinterlaceFilter(source), "showinfo=checksum=0", pixelFilter(options.preset, source)];
    this.child = spawn(
      "ffmpeg",
      ["-hide_banner", "-nostats", "-nostdin", "-loglevel", "info", "-threads", String(options.threads ?? 1)].concat(
        ["-noautorotate", "-protocol_whitelist", "file,pipe", "-i", `file:${file.path}`, "-map", "0:v:0"],
        ["-fps_mode", "passthrough", "-vf", filters.filter(Boolean).join(","), "-f", "rawvideo", "pipe:1"],
      ),
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    this.exit = new Promise((resolve) => {
      this.child.once("close", resolve);
      this.child.once("error", (error) => {
        this.errors.push(error.message);
        resolve(-1);
      });
    });
    createInterface({ input: this.child.stderr! }).on("line", (line) => this.readLine(line));
    void this.exit.then(() => this.wake());
    options.signal?.addEventListener("abort", this.kill, { once: true });
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Clip> {
    const { preset, signal, memory } = this.options;
    const sampler = new FrameSampler(preset.fps, this.facts.frameDuration);
    const clips = new ClipAssembler(preset, memory && (() => memory.take()));
    let held: Uint8Array | undefined;
    const write = (to: Uint8Array) => to.set(held as Uint8Array);
    try {
      for await (const frame of this.frames(preset.crop * preset.crop * 3)) {
        signal?.throwIfAborted();
        this.info.framesDecoded++;
        const { copies, keep } = sampler.push(await this.nextTime());
        if (held) yield* clips.push(write, copies);
        if (keep) held = frame;
      }
      signal?.throwIfAborted();
      const code = await this.exit;
      if (this.isClosed) return;
      const { framesDecoded } = this.info;
      const early = earlyEnd(this.file, sampler.time, framesDecoded, this.facts);
      if (early) throw early;
      const reason = this.errors.at(-1) ?? "no frame could be decoded";
      if (code !== 0 || !held) throw videoError("ERR_VIDEO_CORRUPT", this.file.path, reason, sampler.time);
      this.info.duration = endOfVideo(sampler.time, framesDecoded, this.facts);
      yield* clips.push(write, sampler.finish(this.info.duration));
      const last = clips.finish();
      if (last) yield last;
    } finally {
      await this.close();
    }
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.options.signal?.removeEventListener("abort", this.kill);
    this.kill();
    await this.exit;
  }

  private readonly kill = (): void => {
    this.child.stdout?.destroy();
    this.child.kill("SIGKILL");
  };

  private readLine(line: string): void {
    const time = /showinfo.* n: *\d+ pts: *\S+ pts_time:(\S+)/.exec(line);
    if (time) {
      const seconds = Number(time[1]);
      this.times.push(Number.isFinite(seconds) ? seconds : undefined);
      this.wake();
    } else if (/error|invalid|corrupt|missing/i.test(line)) {
      this.errors.push(line.trim());
    }
  }

  /** The time of the next frame: its line may arrive after its pixels. */
  private async nextTime(): Promise<number | undefined> {
    while (this.times.length === 0 && this.child.exitCode === null) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    return this.times.shift();
  }

  private async *frames(size: number): AsyncGenerator<Uint8Array> {
    let frame = new Uint8Array(size);
    let filled = 0;
    try {
      for await (const chunk of this.child.stdout! as AsyncIterable<Buffer>) {
        for (let at = 0; at < chunk.length;) {
          const part = chunk.subarray(at, at + size - filled);
          frame.set(part, filled);
          filled += part.length;
          at += part.length;
          if (filled < size) continue;
          yield frame;
          frame = new Uint8Array(size);
          filled = 0;
        }
      }
    } catch (error) {
      if (!this.isClosed && !this.options.signal?.aborted) throw error;
    }
  }
}
