import { parentPort, workerData } from "node:worker_threads";
import { type ErrorCode, VideoError } from "../../base/errors.js";
import type { FileFacts } from "../file.js";
import { withResolvers } from "../decode/with_resolvers.js";

/** The data with which the worker starts, and its single message. */
export interface StillRequest {
  file: FileFacts;
  seconds: number;
  width: number;
}
export type StillMessage =
  | { type: "still"; jpeg: Uint8Array }
  | { type: "error"; code: ErrorCode; message: string; file?: string | undefined; time?: number | undefined };

async function main(): Promise<void> {
  withResolvers();
  const { decodeStill } = await import("./still_node_av.js");
  const { file, seconds, width } = workerData as StillRequest;
  parentPort?.postMessage({ type: "still", jpeg: decodeStill(file, seconds, width) });
}

main().catch((error: Error) => {
  const known = error instanceof VideoError;
  const missing =
    (error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND" || /native binding/.test(error.message);
  const code = known ? error.code : missing ? "ERR_DECODER_MISSING" : "ERR_VIDEO_CORRUPT";
  const { file, time } = known ? error.details : { file: (workerData as StillRequest).file.path, time: undefined };
  parentPort?.postMessage({ type: "error", code, message: error.message, file, time });
});
