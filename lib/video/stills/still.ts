import { InvalidArgumentError } from "../../base/errors.js";
import { assertNotBundled } from "../../base/bundled.js";
import { checkFile, videoError } from "../file.js";
import { usesFfmpeg } from "../index.js";
import { JobControl } from "../decode/job_control.js";
import { errorOf } from "../decode/node_av.js";
import { stillWithFfmpeg } from "./still_ffmpeg.js";
import type { DecoderName, Preset } from "../types.js";
import type { StillRequest } from "./still_request.js";
import { type WorkerPool, workerPool } from "../decode/worker_pool.js";

export interface StillOptions {
  /** Width of the picture in pixels; its height follows. Default 320. */
  width?: number | undefined;
  decoder?: DecoderName | undefined;
  /** `tonemap`: HDR (PQ and HLG) is shown as SDR, as in clips; `keep`: its values are taken as stored. Default `tonemap`. */
  hdr?: Preset["hdr"];
  /** Pictures of more pixels are not decoded. Default: FFmpeg's limit. @internal */
  maxPixels?: number | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * A JPEG of a video's frame at a time, in seconds after the start of the container: the time line of clips, manifests
 * and search. Before the first frame it is the first, after the end the last frame.
 * @throws VideoError when it cannot be decoded; InvalidArgumentError
 */
export async function stillAt(path: string, seconds: number, options: StillOptions = {}): Promise<Uint8Array> {
  const { width = 320, decoder = "auto", hdr = "tonemap", maxPixels, signal } = options;
  if (!Number.isFinite(seconds) || seconds < 0) {
    throw new InvalidArgumentError(`seconds: expected a time from 0 on, received ${seconds}`, { argument: "seconds" });
  }
  if (!Number.isInteger(width) || width < 16 || width > 4096) {
    throw new InvalidArgumentError(`width: expected 16 to 4096, received ${width}`, { argument: "width" });
  }
  if (!["tonemap", "keep"].includes(hdr)) {
    throw new InvalidArgumentError(`hdr: expected tonemap or keep, received ${hdr}`, { argument: "hdr" });
  }
  signal?.throwIfAborted();
  const request: StillRequest = { file: { ...(await checkFile(path)), maxPixels }, seconds, width, hdr };
  return (await usesFfmpeg(decoder)) ? stillWithFfmpeg(request, signal) : stillWithNodeAv(request, signal);
}

/** Makes a still with node-av, in a worker of a pool. */
export function stillWithNodeAv(
  request: StillRequest,
  signal?: AbortSignal,
  pool: WorkerPool = workerPool,
): Promise<Uint8Array> {
  assertNotBundled();
  const control = new JobControl();
  const abort = () => control.stop();
  return new Promise<Uint8Array>((resolve, reject) => {
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
    pool.start({
      request,
      control,
      receive: (message) => {
        if (signal?.aborted) return; // the worker's answer was on its way
        if (message.type === "still") resolve(message.jpeg);
        else if (message.type === "error") reject(errorOf(message));
      },
      end: (error) => {
        // after an answer this changes nothing
        const ended = videoError("ERR_VIDEO_CORRUPT", request.file.path, "the decoder stopped");
        reject(signal?.aborted ? signal.reason : (error ?? ended));
      },
    });
  }).finally(() => signal?.removeEventListener("abort", abort));
}
