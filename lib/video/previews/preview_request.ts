import type { FileFacts } from "../file.js";

/** The containers of previews: H.264 and AAC in MP4, VP9 or VP8 and Opus in WebM. */
export type PreviewFormat = "mp4" | "webm";

/** What makes previews of a format, and the encoders that it has for it. */
export interface PreviewMaker {
  format: PreviewFormat;
  program: "node-av" | "ffmpeg";
  /** FFmpeg's name of the video encoder. */
  video: string;
  /** That of the audio encoder; undefined where previews are silent. */
  audio: string | undefined;
}

/** A part of a file that is encoded again. */
export interface PreviewRequest {
  file: FileFacts;
  maker: PreviewMaker;
  /** Where it begins, in seconds after the start of the container, and how many seconds it has at most. */
  seconds: number;
  length: number;
  /** Pixels of the longer side, at most. */
  side: number;
  /** Threads of the decoder, and of the encoder. */
  threads: number;
  /** The file that is written. */
  output: string;
}
