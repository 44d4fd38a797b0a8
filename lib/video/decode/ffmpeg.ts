import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { UnbrokenClips } from "../clips/broken_spans.js";
import { clipMaker } from "../clips/clip_maker.js";
import type { ClipMaker, HeldFrame } from "../clips/clip_maker_types.js";
import type { TimeBase } from "../clips/clock.js";
import { earlyEnd, endOfVideo, type StreamFacts } from "./ending.js";
import { passthroughOption } from "./ffmpeg_options.js";
import { limitArgs, type Probed, probe } from "./ffprobe.js";
import { type FileFacts, notDecoded, videoError } from "../file.js";
import { deinterlaceFilter } from "../pixels/filters.js";
import { hdrNote, packedBytes, packedFrame, pixelPath, PlaneScaler } from "../pixels/planes.js";
import type { Clip, DecodeOptions, OpenVideo, VideoInfo } from "../types.js";

/** Opens a checked file with the `ffmpeg` and `ffprobe` programs: the same pixels and sampling as with node-av. */
export async function openWithFfmpeg(file: FileFacts, options: DecodeOptions): Promise<OpenVideo> {
  options.signal?.throwIfAborted();
  const probed = await probe(file);
  return new FfmpegVideo(file, options, probed, await passthroughOption());
}

/** A frame in the output of the filter `showinfo`: its time stamp in ticks, if it has one, and its size. */
interface FrameLine {
  stamp: number | undefined;
  timeBase: TimeBase;
  width: number;
  height: number;
  isKey: boolean;
  /** Whether the decoder complained of it. */
  isBroken: boolean;
  /** Whether the decoder complained of a packet before it. */
  isAfterLoss: boolean;
}

/** A frame from the pipe. */
interface PipedFrame extends FrameLine {
  bytes: Uint8Array;
}

class FfmpegVideo implements OpenVideo {
  readonly info: VideoInfo;
  private readonly facts: StreamFacts;
  private readonly child: ChildProcess;
  private readonly scaler: PlaneScaler | undefined;
  private readonly lines: FrameLine[] = [];
  /** Whether the output of messages has ended. */
  private isSilent = false;
  /** What the decoder complained of since the last line of a frame, and whether there was one. */
  private isBroken = false;
  private isAfterLoss = false;
  private hasLine = false;
  /** Time base of the next time stamps. */
  private timeBase: TimeBase = { num: 1, den: 1 };
  private readonly errors: string[] = [];
  private readonly exit: Promise<number | null>;
  private readonly spare: Uint8Array[] = [];
  private isClosed = false;
  private wake: () => void = () => {};

  constructor(
    private readonly file: FileFacts,
    private readonly options: DecodeOptions,
    { info, facts, source, index }: Probed,
    passthrough: readonly string[],
  ) {
    this.info = info;
    const note = hdrNote(options.preset, source);
    if (note !== undefined) info.hdr = note;
    this.facts = facts;
    const { filter, layout } = pixelPath(options.preset, source, info.width, info.height);
    if (layout !== undefined) this.scaler = new PlaneScaler(options.preset, source, layout);
    // showinfo writes the time and size of each frame to stderr, in the order of the frames on stdout
    const show = "showinfo=checksum=0";
    const planes = [filter ?? `format=${layout?.name}`, show];
    const pixels = layout === undefined ? [show, filter] : planes;
    const filters = [deinterlaceFilter(source), ...pixels].filter(Boolean).join(",");
    this.child = spawn(
      "ffmpeg",
      ["-hide_banner", "-nostats", "-nostdin", "-loglevel", "info", "-threads", String(options.threads ?? 1)].concat(
        limitArgs(file),
        // the decoder's flag gives the same pixels on every version of FFmpeg and every processor
        [
          "-flags:v",
          "+bitexact",
          "-noautorotate",
          "-protocol_whitelist",
          "file,pipe",
          "-copyts",
          "-i",
          `file:${file.path}`,
          "-map",
          `0:${index}`,
        ],
        [...passthrough, "-vf", filters, "-f", "rawvideo", "pipe:1"],
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
    const lines = createInterface({ input: this.child.stderr! });
    lines.on("line", (line) => this.readLine(line));
    lines.once("close", () => {
      this.isSilent = true;
      this.wake();
    });
    options.signal?.addEventListener("abort", this.kill, { once: true });
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Clip> {
    const { preset, signal, memory } = this.options;
    const clips = clipMaker(preset, this.facts, memory && (() => memory.take()));
    const release = (frames: Uint8Array) => memory?.give(frames);
    const unbroken = new UnbrokenClips(clips, this.facts.frameDuration, release);
    const stops = (this.options.onError ?? "skip") !== "skip";
    try {
      for await (const frame of this.frames()) {
        signal?.throwIfAborted();
        if ((frame.isBroken || frame.isAfterLoss) && stops) this.endBroken(clips);
        this.info.framesDecoded++;
        let isHeld = false;
        const hold = () => {
          isHeld = true;
          return this.hold(frame);
        };
        yield* unbroken.push(frame.stamp, frame.timeBase, hold, frame);
        if (!isHeld) this.spare.push(frame.bytes);
      }
      signal?.throwIfAborted();
      const code = await this.exit;
      if (this.isClosed) return;
      const isBroken = this.isBroken || this.isAfterLoss;
      if (isBroken && stops) this.endBroken(clips);
      if (isBroken) unbroken.begin();
      yield* this.finish(clips, unbroken, code);
    } finally {
      await this.close();
    }
  }

  /** Ends the video at a broken frame. */
  private endBroken(clips: ClipMaker): never {
    this.info.duration = this.endOf(clips);
    throw videoError("ERR_VIDEO_CORRUPT", this.file.path, "a frame has broken data", clips.time);
  }

  private endOf(clips: ClipMaker): number {
    return clips.hasFrame ? clips.lateness + endOfVideo(clips, this.info.framesDecoded, this.facts) : 0;
  }

  private *finish(clips: ClipMaker, unbroken: UnbrokenClips, code: number | null): Generator<Clip> {
    const { framesDecoded } = this.info;
    if (framesDecoded === 0 && this.file.declaredSize === undefined && this.file.picture !== undefined) {
      throw notDecoded(this.file, videoError("ERR_VIDEO_CORRUPT", this.file.path, "no frame could be decoded", 0));
    }
    this.info.duration = this.endOf(clips);
    const isWhole = this.file.declaredSize === undefined;
    const early =
      unbroken.endsBroken && isWhole ? undefined : earlyEnd(this.file, clips.time, framesDecoded, this.facts);
    unbroken.endAt(this.info.duration);
    if (unbroken.spans.length > 0) this.info.broken = unbroken.spans;
    if (early) throw early;
    const reason = this.errors.at(-1) ?? "no frame could be decoded";
    if (code !== 0 || !clips.hasFrame) throw videoError("ERR_VIDEO_CORRUPT", this.file.path, reason, clips.time);
    yield* unbroken.finish(endOfVideo(clips, framesDecoded, this.facts));
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

  private hold({ bytes, width, height }: PipedFrame): HeldFrame {
    const { scaler } = this;
    const write = (to: Uint8Array) => {
      if (scaler === undefined) to.set(bytes);
      else scaler.write(packedFrame(scaler.layout, width, height, bytes), to);
    };
    return { bytes: bytes.length, write, free: () => void this.spare.push(bytes) };
  }

  /** Notes a damaged frame, or a packet that gives none; the first packets of a stream that was cut out of a longer one may give none. */
  private noteBroken(line: string): void {
    this.isBroken ||= /corrupt decoded frame/.test(line);
    const loss = /^Error while decoding stream|Error submitting (a )?packet to (the )?decoder/;
    this.isAfterLoss ||= this.hasLine && loss.test(line.replace(/^\[.*?\] /, ""));
  }

  private readLine(line: string): void {
    const frame = /showinfo.* n: *\d+ pts: *(\S+) .* s:(\d+)x(\d+) /.exec(line);
    const config = /showinfo.* config in time_base: (\d+)\/(\d+)/.exec(line);
    if (frame) {
      const stamp = Number(frame[1]);
      const [width, height] = [Number(frame[2]), Number(frame[3])];
      const known = Number.isSafeInteger(stamp) ? stamp : undefined;
      const isKey = / iskey:1/.test(line);
      const { timeBase, isBroken, isAfterLoss } = this;
      this.lines.push({ stamp: known, timeBase, width, height, isKey, isBroken, isAfterLoss });
      this.isBroken = this.isAfterLoss = false;
      this.hasLine = true;
      this.wake();
    } else if (config) {
      this.timeBase = { num: Number(config[1]), den: Number(config[2]) };
    } else if (/error|invalid|corrupt|missing/i.test(line)) {
      this.errors.push(line.trim());
      if (this.file.image === undefined) this.noteBroken(line);
    }
  }

  /** The line of the next frame; undefined at the end. */
  private async nextLine(): Promise<FrameLine | undefined> {
    while (this.lines.length === 0 && !this.isSilent && !this.isClosed) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    return this.lines.shift();
  }

  private bytesOf({ width, height }: FrameLine): number {
    const { crop } = this.options.preset;
    return this.scaler === undefined ? crop * crop * 3 : packedBytes(this.scaler.layout, width, height);
  }

  private async *frames(): AsyncGenerator<PipedFrame> {
    let frame: PipedFrame | undefined;
    let filled = 0;
    try {
      for await (const chunk of this.child.stdout! as AsyncIterable<Buffer>) {
        for (let at = 0; at < chunk.length;) {
          if (frame === undefined) {
            // its line may arrive after its first pixels
            const line = await this.nextLine();
            if (line === undefined) return;
            frame = { ...line, bytes: this.memoryFor(this.bytesOf(line)) };
          }
          const part = chunk.subarray(at, at + frame.bytes.length - filled);
          frame.bytes.set(part, filled);
          filled += part.length;
          at += part.length;
          if (filled < frame.bytes.length) continue;
          yield frame;
          frame = undefined;
          filled = 0;
        }
      }
    } catch (error) {
      if (!this.isClosed && !this.options.signal?.aborted) throw error;
    }
  }

  private memoryFor(bytes: number): Uint8Array {
    const spare = this.spare.pop();
    return spare?.length === bytes ? spare : new Uint8Array(bytes);
  }
}
