import type { VideoError } from "../base/errors.js";
import { previewAt } from "../video/previews/preview.js";
import { previewMakers } from "../video/previews/preview_encoders.js";
import type { PreviewMaker } from "../video/previews/preview_request.js";
import { Gate } from "./gate.js";
import { RequestError } from "./request_error.js";
import { SharedMaking } from "./shared_making.js";
import type { VideoFile } from "./video_files.js";

/** Seconds of a preview, at most. */
export const PREVIEW_SECONDS = 20;
/** Previews that are made at once, each by a process with two threads and a low priority, and those that wait. */
const PARALLEL = 2;
const WAITING = 16;
/** Milliseconds after which a preview is given up. */
const TIMEOUT = 90_000;
/** What is kept in memory. A preview has 1 to 4 MB. */
const MAX_PREVIEWS = 256;
const MAX_BYTES = 128 << 20;

/** How previews are made. For tests */
export interface PreviewWork {
  makers: () => Promise<readonly PreviewMaker[]>;
  make: (path: string, seconds: number, maker: PreviewMaker, signal: AbortSignal) => Promise<Uint8Array<ArrayBuffer>>;
}

const WORK: PreviewWork = {
  makers: previewMakers,
  make: (path, seconds, maker, signal) => previewAt(path, seconds, { maker, length: PREVIEW_SECONDS, signal }),
};

/** Encodes parts of videos that browsers cannot play, when they are asked for, and keeps the latest ones in memory. */
export class Previews {
  readonly #making = new SharedMaking({
    gate: new Gate(PARALLEL, WAITING, "previews"),
    maxEntries: MAX_PREVIEWS,
    maxBytes: MAX_BYTES,
    timeout: TIMEOUT,
    failure: reasonOf,
  });

  /** @param work null for a server that makes none */
  constructor(private readonly work: PreviewWork | null = WORK) {}

  get kept(): SharedMaking["kept"] {
    return this.#making.kept;
  }
  get gate(): Gate {
    return this.#making.gate;
  }

  /** The formats that this server makes, the one that most browsers play first. */
  async formats(): Promise<PreviewMaker["format"][]> {
    return ((await this.work?.makers()) ?? []).map(({ format }) => format);
  }

  /** What makes a format. @param format default: the first one. @throws RequestError 404 where there is none */
  async maker(format: PreviewMaker["format"] | undefined): Promise<PreviewMaker> {
    const makers = (await this.work?.makers()) ?? [];
    const maker = format === undefined ? makers[0] : makers.find((each) => each.format === format);
    if (maker) return maker;
    if (this.work === null) throw new RequestError(404, "this server makes no previews: see --no-previews");
    const reason = "this server has no encoder for it: it needs node-av, or the program ffmpeg with libx264 or libvpx";
    throw new RequestError(404, `no preview: ${reason}`);
  }

  /**
   * A preview of a video. Requests for the same one share the work, which ends when none of them waits any more.
   * @param file an open video; the caller closes it
   * @param seconds where it begins, after the start of the video
   * @throws RequestError 422 for a video that cannot be decoded or ends before, 503; `signal.reason`
   */
  preview(
    file: VideoFile,
    seconds: number,
    maker: PreviewMaker,
    signal: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { make } = this.work!;
    const what = `${maker.format} ${seconds}`;
    return this.#making.get(file, what, (path, ending) => make(path, seconds, maker, ending), signal);
  }

  /** Ends the processes that make previews. */
  dispose(): void {
    this.#making.stop();
  }
}

function reasonOf({ code }: VideoError): string {
  return code === "ERR_VIDEO_NO_FRAMES" ? "the video ends before this time" : "this video cannot be decoded there";
}
