import type { AVSampleFormat } from "node-av/constants";
import {
  avGetSampleFmtName,
  FFmpegError,
  Filter,
  type FilterContext,
  FilterGraph,
  FilterInOut,
  Frame,
} from "node-av/lib";
import { VideoError } from "../../base/errors.js";
import type { TimeBase } from "../clips/clock.js";
import { type PixelLayout, planesOf } from "../pixels/pixel_layout.js";
import type { PlaneFrame } from "../pixels/pixel_layout.js";

/** A libavfilter graph with one input and one output, for pictures or sound; rebuilt whenever the size or format of its frames changes. */
export class FrameFilter {
  timeBase: TimeBase;
  private graph: FilterGraph | undefined;
  private source: FilterContext | undefined;
  private sink: FilterContext | undefined;
  private shape = "";
  private readonly output = new Frame();

  constructor(
    private readonly description: string,
    private readonly inputTimeBase: TimeBase,
  ) {
    this.timeBase = inputTimeBase;
    this.output.alloc();
  }

  /**
   * Sends a frame (which is empty afterwards), or null at the end; yields outputs, which are valid until the next step.
   */
  *push(frame: Frame | null): Generator<Frame> {
    if (frame !== null) {
      const size = frame.nbSamples > 0 ? `${frame.sampleRate} ${frame.channels}` : `${frame.width}x${frame.height}`;
      const shape = `${size} ${frame.format} ${frame.colorSpace} ${frame.colorRange}`;
      if (shape !== this.shape) {
        if (this.graph !== undefined) yield* this.push(null);
        this.build(frame);
        this.shape = shape;
      }
    }
    if (this.source === undefined || this.sink === undefined) return;
    FFmpegError.throwIfError(this.source.buffersrcAddFrameSync(frame), "filter input");
    while (this.sink.buffersinkGetFrameSync(this.output) >= 0) {
      try {
        yield this.output;
      } finally {
        this.output.unref(); // also when the caller stops after the first frame: the sink would overwrite it without freeing it
      }
    }
  }

  free(): void {
    this.graph?.free();
    this.output.free();
    this.graph = undefined;
  }

  private build(frame: Frame): void {
    this.graph?.free();
    const graph = new FilterGraph();
    graph.alloc();
    graph.nbThreads = 1;
    const isSound = frame.nbSamples > 0;
    const source = isSound ? this.soundSource(graph, frame) : this.pictureSource(graph, frame);
    const sinkFilter = Filter.getByName(isSound ? "abuffersink" : "buffersink") as Filter;
    const sink = graph.createFilter(sinkFilter, "out") as FilterContext;
    const outputs = new FilterInOut();
    outputs.alloc();
    outputs.name = "in";
    outputs.filterCtx = source;
    outputs.padIdx = 0;
    const inputs = new FilterInOut();
    inputs.alloc();
    inputs.name = "out";
    inputs.filterCtx = sink;
    inputs.padIdx = 0;
    FFmpegError.throwIfError(graph.parsePtr(this.description, inputs, outputs), `filter ${this.description}`);
    FFmpegError.throwIfError(graph.configSync(), `filter ${this.description}`);
    this.graph = graph;
    this.source = source;
    this.sink = sink;
    this.timeBase = sink.buffersinkGetTimeBase();
  }

  private pictureSource(graph: FilterGraph, frame: Frame): FilterContext {
    const source = graph.allocFilter(Filter.getByName("buffer") as Filter, "in") as FilterContext;
    source.buffersrcParametersSet({
      width: frame.width,
      height: frame.height,
      format: frame.format,
      timeBase: this.inputTimeBase,
      colorRange: frame.colorRange,
      colorSpace: frame.colorSpace,
    });
    FFmpegError.throwIfError(source.init(), "filter source");
    return source;
  }

  private soundSource(graph: FilterGraph, frame: Frame): FilterContext {
    const { num, den } = this.inputTimeBase;
    const { mask } = frame.channelLayout;
    // a stream may say how many channels it has, but not where they belong
    const channels = mask > 0n ? `channel_layout=0x${mask.toString(16)}` : `channels=${frame.channels}`;
    const format = avGetSampleFmtName(frame.format as AVSampleFormat);
    const options = `time_base=${num}/${den}:sample_rate=${frame.sampleRate}:sample_fmt=${format}:${channels}`;
    const source = graph.createFilter(Filter.getByName("abuffer") as Filter, "in", options);
    if (source === null) throw new VideoError("ERR_VIDEO_CORRUPT", `sound cannot be filtered: ${options}`);
    return source;
  }
}

/** Copies the pixels of an RGB frame to `[H, W, 3]`, without the padding between its rows. */
export function writeRgb(frame: Frame, to: Uint8Array): void {
  const plane = (frame.data as Buffer[])[0];
  const row = frame.width * 3;
  const stride = frame.linesize[0];
  for (let y = 0; y < frame.height; y++) to.set(plane.subarray(y * stride, y * stride + row), y * row);
}

/** The planes of a frame, where they are. */
export function framePlanes(frame: Frame, layout: PixelLayout): PlaneFrame {
  const { width, height } = frame;
  const count = planesOf(layout, width, height).length;
  const planes = (frame.data as Buffer[]).slice(0, count);
  return { width, height, planes, strides: Array.from(frame.linesize).slice(0, count) };
}
