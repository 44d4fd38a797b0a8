import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { byteRange } from "./byte_range.js";
import type { VideoFile } from "./video_files.js";

/** The headers of a request for a video. */
export interface VideoRequest {
  method: string;
  range?: string | undefined;
  ifRange?: string | undefined;
  ifNoneMatch?: string | undefined;
}

/** Answers with a video or a part of it. Closes the file when the body was sent or the client has gone. */
export async function videoResponse(file: VideoFile, request: VideoRequest): Promise<Response> {
  const { handle, facts, type } = file;
  const tag = `"${facts.size.toString(16)}-${Math.round(facts.mtimeMs).toString(16)}"`;
  const headers = new Headers({
    "Accept-Ranges": "bytes",
    "Cache-Control": "private, no-cache",
    "Content-Type": type,
    ETag: tag,
    "Last-Modified": facts.mtime.toUTCString(),
  });
  const range =
    request.ifRange === undefined || request.ifRange === tag ? byteRange(request.range, facts.size) : undefined;
  const without = async (status: number) => {
    await handle.close();
    return new Response(null, { status, headers });
  };
  if (request.ifNoneMatch === tag) return without(304);
  if (range === "none") {
    headers.set("Content-Range", `bytes */${facts.size}`);
    return without(416);
  }
  const { first, last } = range ?? { first: 0, last: facts.size - 1 };
  headers.set("Content-Length", String(last - first + 1));
  if (range) headers.set("Content-Range", `bytes ${first}-${last}/${facts.size}`);
  const status = range ? 206 : 200;
  if (request.method === "HEAD" || facts.size === 0) return without(status);
  const stream = createReadStream("", { fd: handle, start: first, end: last, autoClose: true });
  return new Response(Readable.toWeb(stream) as ReadableStream<Uint8Array>, { status, headers });
}
