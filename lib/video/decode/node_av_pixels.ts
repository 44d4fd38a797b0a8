import type { AVPixelFormat } from "node-av/constants";
import { avGetPixFmtName, type Frame } from "node-av/lib";
import type { HeldFrame } from "../clips/clip_maker_types.js";
import type { TimeBase } from "../clips/clock.js";
import { videoError } from "../file.js";
import type { PixelSource } from "../pixels/filters.js";
import { FrameFilter, framePlanes, writeRgb } from "./node_av_filter.js";
import { pixelPath, PlaneScaler } from "../pixels/planes.js";
import type { Preset, VideoInfo } from "../types.js";

/** Filters for the next picture of their kind: building one takes longer than decoding a small picture. */
const pictureFilters = new Map<string, FrameFilter>();
const MAX_FILTERS = 8;

/** A key of all properties of a picture on which its filter depends. */
function kindOf(frame: Frame): string {
  const { width, height, format, colorSpace, colorRange, colorPrimaries, colorTrc, chromaLocation, flags } = frame;
  const { num, den } = frame.sampleAspectRatio;
  const color = [format, colorSpace, colorRange, colorPrimaries, colorTrc, chromaLocation, flags];
  return [width, height, num, den, ...color].join(" ");
}

/** Computes the pixels of node-av's frames of one stream. */
export class FramePixels {
  private readonly filter: FrameFilter | undefined;
  /** The description of the filter, if the stream is a picture. */
  private readonly pictureFilter: string | undefined;
  private readonly scaler: PlaneScaler | undefined;
  /** Converts a frame with bottom-up rows, or with another format than the stream's, to the layout. */
  private copier: FrameFilter | undefined;
  /** The pixel format of the last frame. */
  private format: number | undefined;
  private formatName: string | null = null;

  constructor(
    preset: Preset,
    source: PixelSource,
    private readonly info: VideoInfo,
    private readonly timeBase: TimeBase,
    isPicture: boolean,
  ) {
    const { filter, layout } = pixelPath(preset, source, info.width, info.height);
    if (isPicture && layout === undefined) this.pictureFilter = filter;
    else if (filter !== undefined) this.filter = new FrameFilter(filter, timeBase);
    if (layout !== undefined) this.scaler = new PlaneScaler(preset, source, layout);
  }

  /** Keeps a frame, whose pixels are computed on demand. */
  hold(frame: Frame): HeldFrame {
    const held = frame.clone();
    if (held === null) throw videoError("ERR_VIDEO_DECODE", this.info.path, "a decoded frame could not be kept");
    let row = 0;
    for (const bytes of held.linesize) row += Math.abs(bytes); // counts chroma as if it had all rows
    return { bytes: row * held.height, write: (to) => this.write(held, to), free: () => held.free() };
  }

  free(): void {
    this.filter?.free();
    this.copier?.free();
  }

  private write(frame: Frame, to: Uint8Array): void {
    if (this.pictureFilter !== undefined) this.writePicture(this.pictureFilter, frame, to);
    else if (this.filter === undefined) this.writeFrame(frame, to);
    else this.filtered(this.filter, frame, (picture) => this.writeFrame(picture, to));
  }

  private writePicture(description: string, frame: Frame, to: Uint8Array): void {
    const { num, den } = this.timeBase;
    const kind = `${description} ${num}/${den} ${kindOf(frame)}`;
    const filter = pictureFilters.get(kind) ?? new FrameFilter(description, this.timeBase);
    // removed from the map while it is in use, so that one that failed is not reused
    pictureFilters.delete(kind);
    try {
      this.filtered(filter, frame, (picture) => writeRgb(picture, to));
    } catch (error) {
      filter.free();
      throw error;
    }
    pictureFilters.set(kind, filter);
    if (pictureFilters.size <= MAX_FILTERS) return;
    const [[oldest, unused]] = pictureFilters;
    pictureFilters.delete(oldest);
    unused.free();
  }

  private writeFrame(frame: Frame, to: Uint8Array): void {
    const { scaler } = this;
    if (scaler === undefined) return writeRgb(frame, to);
    const { layout } = scaler;
    if (this.filter === undefined && (frame.linesize[0] < 0 || this.formatOf(frame) !== layout.name)) {
      this.copier ??= new FrameFilter(
        `scale=flags=bicubic+accurate_rnd+bitexact,format=${layout.name},copy`,
        this.timeBase,
      );
      return this.filtered(this.copier, frame, (picture) => scaler.write(framePlanes(picture, layout), to));
    }
    scaler.write(framePlanes(frame, layout), to);
  }

  /** The filter gets a separate reference, since the pixels of a frame may be requested again. */
  private filtered(filter: FrameFilter, frame: Frame, use: (picture: Frame) => void): void {
    const given = frame.clone() as Frame;
    try {
      for (const picture of filter.push(given)) return use(picture);
    } finally {
      given.free();
    }
    throw videoError("ERR_VIDEO_CORRUPT", this.info.path, "the pixel filter gave no frame");
  }

  private formatOf(frame: Frame): string | null {
    if (frame.format !== this.format) {
      this.format = frame.format;
      this.formatName = avGetPixFmtName(frame.format as AVPixelFormat);
    }
    return this.formatName;
  }
}
