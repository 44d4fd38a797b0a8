import { Worker } from "node:worker_threads";
import { InvalidArgumentError, VideoError } from "../../base/errors.js";
import { assertNotBundled } from "../../base/bundled.js";
import { checkFile, videoError } from "../file.js";
import { usesFfmpeg } from "../index.js";
import { missingNodeAv } from "../decode/node_av.js";
import { stillWithFfmpeg } from "./still_ffmpeg.js";
import type { StillMessage, StillRequest } from "./still_worker.js";
import type { DecoderName } from "../types.js";

export interface StillOptions {
  /** Width of the picture in pixels; its height follows. Default 320. */
  width?: number | undefined;
  decoder?: DecoderName | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * A JPEG of a video's frame at a time, in seconds after the start of the container: the time line of clips, manifests
 * and search. Before the first frame it is the first, after the end the last frame.
 * @throws VideoError when it cannot be decoded; InvalidArgumentError
 */
export async function stillAt(path: string, seconds: number, options: StillOptions = {}): Promise<Uint8Array> {
  const { width = 320, decoder = "auto", signal } = options;
  if (!Number.isFinite(seconds) || seconds < 0) {
    throw new InvalidArgumentError(`seconds: expected a time from 0 on, received ${seconds}`, { argument: "seconds" });
  }
  if (!Number.isInteger(width) || width < 16 || width > 4096) {
    throw new InvalidArgumentError(`width: expected 16 to 4096, received ${width}`, { argument: "width" });
  }
  signal?.throwIfAborted();
  const file = await checkFile(path);
  return (await usesFfmpeg(decoder))
    ? stillWithFfmpeg({ file, seconds, width }, signal)
    : stillWithNodeAv({ file, seconds, width }, signal);
}

function stillWithNodeAv(request: StillRequest, signal?: AbortSignal): Promise<Uint8Array> {
  assertNotBundled();
  const worker = new Worker(new URL(/* webpackIgnore: true */ "./still_worker.js", import.meta.url), {
    workerData: request,
  });
  const abort = () => void worker.terminate();
  signal?.addEventListener("abort", abort, { once: true });
  return new Promise<Uint8Array>((resolve, reject) => {
    worker.once("message", (message: StillMessage) => {
      if (message.type === "still") resolve(message.jpeg);
      else if (message.code === "ERR_DECODER_MISSING") reject(missingNodeAv(message.message));
      else reject(new VideoError(message.code, message.message, { file: message.file, time: message.time }));
    });
    worker.once("error", reject);
    worker.once("exit", () =>
      reject(
        signal?.aborted ? signal.reason : videoError("ERR_VIDEO_CORRUPT", request.file.path, "the decoder stopped"),
      ),
    );
  }).finally(() => signal?.removeEventListener("abort", abort));
}
